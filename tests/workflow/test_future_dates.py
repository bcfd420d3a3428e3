"""Dates that no clock has reached yet."""

import os
import time
from pathlib import Path

import pytest

from clipit.runtime.errors import UserError
from clipit.workflow.future_dates import correct_dates

AHEAD = 10_000.0


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name in ("patches/a/items.parquet", "patches/a/patches.zarr/image/c0", "data/a/_COMPLETE.json", "data/a/b/c"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def dates(results: Path) -> dict[str, float]:
    """Seconds ahead of now."""
    return {
        path.relative_to(results).as_posix(): path.stat().st_mtime - time.time()
        for path in results.rglob("*")
        if path.is_file()
    }


def test_what_rules_compare_is_dated_now(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in dates(results):
        os.utime(results / name, (time.time() + AHEAD,) * 2)
    correct_dates(results)
    ahead = {name for name, seconds in dates(results).items() if seconds > 1}
    assert ahead == {"patches/a/patches.zarr/image/c0", "data/a/b/c"}
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(
        f"clipit: {results}/data/a/_COMPLETE.json and 1 more was dated in the future, and is dated now:"
    )


def test_a_clock_that_is_a_little_ahead_is_no_fault(results: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in dates(results):
        os.utime(results / name, (time.time() + 30,) * 2)
    correct_dates(results)
    assert min(dates(results).values()) > 25
    assert capfd.readouterr().err == ""


def test_the_past_stays(results: Path) -> None:
    for name in dates(results):
        os.utime(results / name, (time.time() - AHEAD,) * 2)
    before = {path: path.stat().st_mtime for path in results.rglob("*") if path.is_file()}
    correct_dates(results)
    assert before == {path: path.stat().st_mtime for path in results.rglob("*") if path.is_file()}


def test_no_results_no_dates(tmp_path: Path) -> None:
    correct_dates(tmp_path / "none")


def test_files_of_another_user_are_named_to_them(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(results / "patches/a/items.parquet", (time.time() + AHEAD,) * 2)

    def refuse(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted", path)

    monkeypatch.setattr(os, "utime", refuse)
    with pytest.raises(UserError, match=r"items\.parquet is dated in the future and is not yours to correct"):
        correct_dates(results)
