"""A run that is killed at every stage ends as one that was not."""

from pathlib import Path

import pytest
from tests.faults.equal_results import comparable, differences
from tests.faults.kill_plan import SHARED, kill_plan
from tests.faults.torture import torture

pytestmark = pytest.mark.torture

KILLS = 33
"""One pass: each rule once, the one whose jobs have children by each kind of victim."""


@pytest.mark.timeout(3600)
def test_a_run_killed_at_every_stage_ends_as_one_that_was_not(tmp_path: Path) -> None:
    assert len(torture(tmp_path / "project", KILLS, seed=0).done) == KILLS


def test_every_rule_gets_its_share_of_kills_and_a_seed_gives_one_plan() -> None:
    rules = ["pair", "seal_dataset", SHARED]
    (first, second, third) = kill_plan(rules, 12, seed=1)
    assert [sorted(kill.rule for kill in found) for found in (first, second)] == [sorted([*rules, SHARED, SHARED])] * 2
    assert len(third) == 2
    assert {kill.victim for kill in first if kill.rule == SHARED} == {"job", "worker", "snakemake"}
    assert kill_plan(rules, 12, seed=1) == [first, second, third] != kill_plan(rules, 12, seed=2)


def test_results_are_compared_but_for_what_holds_time(tmp_path: Path) -> None:
    for run, seconds in (("one", 1), ("other", 2)):
        for name in ("logs/a.log", "runs/a/tensorboard/b", "report/index.html", "tables/a.csv"):
            path = tmp_path / run / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'<section id="time">\n{seconds} s</section>' if path.suffix == ".html" else "same")
        (tmp_path / run / "logs" / "a.log").write_text(f"{seconds} s")
    one, other = tmp_path / "one", tmp_path / "other"
    assert differences(comparable(one), comparable(other)) == []
    (one / "tables" / "a.csv").write_text("another")
    (one / "tables" / ".left").touch()
    (other / "report" / "index.html").write_text("a page")
    (other / "tables" / "b.csv").touch()
    assert differences(comparable(one), comparable(other)) == [
        "report/index.html: other bytes",
        "tables/.left: too many",
        "tables/a.csv: other bytes",
        "tables/b.csv: missing",
    ]
