"""Both pages by the rules of axe-core: keyboards, screen readers, contrast in light and in dark."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.browser.conftest import DESK, NEEDED, PHONE, Page
from tests.reporting.conftest import artefacts, page, with_extras  # noqa: F401

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
LOOKS = [(DESK, "light"), (DESK, "dark"), (PHONE, "light"), (PHONE, "dark")]


@pytest.fixture(scope="session")
def axe() -> str:
    """The library's source, which `make test-browser` installs."""
    if not AXE.exists():
        (pytest.fail if os.environ.get(NEEDED) else pytest.skip)("axe-core is not installed: make test-browser does it")
    return AXE.read_text()


def violations(opened: Page, axe: str, scheme: str) -> str:
    """The rules that the open page breaks in that colour scheme, each with where; nothing if it breaks none."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    opened.js("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    opened.js(axe)
    found: dict[str, Any] = opened.driver.execute_async_script("axe.run().then(arguments[0])")
    assert len(found["passes"]) > 10, "the rules were looked at"
    return "\n".join(
        f"{broken['impact']}: {broken['id']} at {node['target'][0]}: {node['failureSummary']}"
        for broken in found["violations"]
        for node in broken["nodes"][:3]
    )


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_the_report_breaks_no_rule(
    with_extras: Callable[..., str],  # noqa: F811
    visit: Callable[..., Page],
    tmp_path: Path,
    axe: str,
    size: tuple[int, int],
    scheme: str,
) -> None:
    with_extras()
    assert violations(visit(tmp_path / "index.html", size, ready="h1"), axe, scheme) == ""


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_the_explorer_breaks_no_rule(
    visit: Callable[..., Page], pages: Callable[..., Path], axe: str, size: tuple[int, int], scheme: str
) -> None:
    assert violations(visit(pages(), size), axe, scheme) == ""


def test_what_is_broken_is_found(visit: Callable[..., Page], tmp_path: Path, axe: str) -> None:
    (tmp_path / "index.html").write_text(
        "<!doctype html><html lang=en><title>t</title><h1>t</h1><main><img src='data:,' width=9 height=9>"
        "<p style='color:#aaa;background:#fff'>pale</p></main></html>"
    )
    opened = visit(tmp_path / "index.html", ready="h1")
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    opened.js(axe)
    found = opened.driver.execute_async_script("axe.run().then(arguments[0])")["violations"]
    assert {"image-alt", "color-contrast"} <= {broken["id"] for broken in found}
