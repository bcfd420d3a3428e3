"""The report, in a browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.browser.conftest import DESK, PHONE, Page
from tests.reporting.conftest import artefacts, page  # noqa: F401

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_report_opens_without_a_complaint_and_leads_to_the_explorer(
    page: Callable[..., str],  # noqa: F811
    visit: Callable[..., Page],
    tmp_path: Path,
    size: tuple[int, int],
) -> None:
    page()
    report = visit(tmp_path / "index.html", size, ready="h1")
    assert report.text("h1") == "Does text make the image model better?"
    assert report.fits
    assert report.get('a[href="explorer.html"]').is_displayed()


def test_the_explorer_leads_back_to_the_report(explorer: Page) -> None:
    assert explorer.get("h1 a").get_attribute("href").endswith("/index.html")
