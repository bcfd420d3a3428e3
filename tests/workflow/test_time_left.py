"""What is left is told by what jobs took, in this run or before."""

from pathlib import Path

import pytest

from clipit.workflow.time_left import TimeLeft


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_told_before_anything_is_known() -> None:
    assert TimeLeft({"train": 3}).seconds() is None


def test_jobs_of_a_rule_are_taken_to_last_alike() -> None:
    clock = Clock()
    left = TimeLeft({"tile": 1, "train": 3}, clock)
    left.starts(0, "tile")
    clock.now = 2
    assert left.ends(0) == 2
    assert left.seconds() == (pytest.approx(6), False), "of a training nothing is known yet"
    left.starts(1, "train")
    clock.now = 12
    assert left.ends(1) == 10
    assert left.seconds() == (pytest.approx(20), True)


def test_what_runs_is_partly_done_and_may_take_longer_than_the_others() -> None:
    clock = Clock()
    left = TimeLeft({"train": 2}, clock)
    left.starts(0, "train")
    clock.now = 10
    left.ends(0)
    left.starts(1, "train")
    clock.now = 16
    assert left.seconds() == (pytest.approx(4), True)
    clock.now = 99
    assert left.seconds() == (0, True)


def test_jobs_side_by_side_take_less() -> None:
    clock = Clock()
    left = TimeLeft({"train": 4}, clock)
    left.starts(0, "train")
    left.starts(1, "train")
    clock.now = 10
    left.ends(0)
    left.ends(1)
    assert left.seconds() == (pytest.approx(10), True)


def test_earlier_runs_tell_of_rules_that_have_not_begun(tmp_path: Path) -> None:
    for i, seconds in enumerate((20, 40)):
        file = tmp_path / f"train/a/seed{i}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\tmax_rss\n{seconds}\t1\n")
    (tmp_path / "train/broken.tsv").write_text("")
    clock = Clock()
    left = TimeLeft({"tile": 1, "train": 2}, clock)
    left.starts(0, "tile", f"{tmp_path}/tile/mini.tsv")
    clock.now = 1
    left.ends(0)
    assert left.seconds() == (pytest.approx(60), True)
