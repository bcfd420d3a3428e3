"""Which modules an edit changed, by what was kept of the code before it."""

from pathlib import Path

from clipit.workflow.code_kept import changed_modules, keep_modules


def test_changed_new_and_removed_modules_are_named(tmp_path: Path) -> None:
    keep_modules(tmp_path / "a.json", {"clipit.one": "1", "clipit.two": "2", "clipit.old": "3"})
    now = {"clipit.one": "1", "clipit.two": "22", "clipit.new": "4"}
    assert changed_modules(tmp_path / "a.json", now) == ["clipit.new", "clipit.old", "clipit.two"]


def test_what_was_not_kept_cannot_be_told(tmp_path: Path) -> None:
    assert changed_modules(tmp_path / "a.json", {}) is None
    (tmp_path / "a.json").write_text("{")
    assert changed_modules(tmp_path / "a.json", {}) is None


def test_what_was_kept_is_not_written_again(tmp_path: Path) -> None:
    keep_modules(tmp_path / "a.json", {"clipit.one": "1"})
    keep_modules(tmp_path / "a.json", {"clipit.one": "2"})
    assert changed_modules(tmp_path / "a.json", {"clipit.one": "1"}) == []
