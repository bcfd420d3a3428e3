"""When jobs ran, by the time at which Snakemake wrote what they took."""

import json
import os
from pathlib import Path

from clipit.reporting.timeline import Ran, timeline, without_idle


def write(path: Path, seconds: float, end: float) -> str:
    path.write_text(f"s\tmax_rss\n{seconds}\t100\n")
    os.utime(path, (end, end))
    return str(path)


def test_pauses_are_cut_out_and_all_begins_at_nought() -> None:
    first, beside, later = Ran(1000, 1010), Ran(1005, 1030), Ran(90_000, 90_007)
    drawn, cuts, length = without_idle([later, beside, first])
    assert drawn == {first: Ran(0, 10), beside: Ran(5, 30), later: Ran(30, 37)}
    assert cuts == [30] and length == 37


def test_a_short_wait_stays() -> None:
    drawn, cuts, length = without_idle([Ran(0, 10), Ran(40, 50)])
    assert not cuts and length == 50
    assert drawn[Ran(40, 50)] == Ran(40, 50)


def test_every_rule_that_ran_has_a_line_and_equal_records_give_equal_bytes(tmp_path: Path) -> None:
    jobs = {
        "pair": [write(tmp_path / "b.tsv", 5, 2020)],
        "tile": [write(tmp_path / "a.tsv", 10, 2010)],
        "train": [str(tmp_path / "nowhere.tsv")],
    }
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    svg = timeline(tmp_path / "jobs.json")
    assert svg is not None and svg == timeline(tmp_path / "jobs.json")
    assert "When 2 jobs of 2 rules ran, in 20.0 seconds" in svg
    assert svg.index(">tile<") < svg.index(">pair<") and ">train<" not in svg


def test_one_job_has_no_timeline(tmp_path: Path) -> None:
    (tmp_path / "jobs.json").write_text(json.dumps({"pair": [write(tmp_path / "a.tsv", 5, 2020)]}))
    assert timeline(tmp_path / "jobs.json") is None
    assert timeline(tmp_path / "none.json") is None
