import json
from pathlib import Path

import pytest

from clipit.reporting.stage_times import read_benchmark, stage_times

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmean_load\n"


def benchmark(path: Path, seconds: str, megabytes: str = "100.00") -> str:
    path.write_text(f"{HEADER}{seconds}\t0:00:01\t{megabytes}\t9.0\t1.0\n")
    return str(path)


def listed(folder: Path, jobs: object) -> Path:
    path = folder / "jobs.json"
    path.write_text(json.dumps(jobs))
    return path


def test_jobs_of_a_rule_are_summed_in_the_order_of_the_list(tmp_path: Path) -> None:
    jobs = {
        "train_student": [benchmark(tmp_path / "a", "200.6", "1500"), benchmark(tmp_path / "b", "50.1", "NA")],
        "evaluate": [benchmark(tmp_path / "c", "2.5", "-")],
    }
    found = stage_times(listed(tmp_path, jobs))
    assert found is not None
    student, evaluate = found["rows"]
    assert (student["rule"], student["jobs"], student["missing"], student["share"]) == ("train_student", 2, 0, 1.0)
    assert (student["total"], student["longest"], student["memory"]) == ("4 min 11 s", "3 min 21 s", "1,500 MB")
    assert (evaluate["total"], evaluate["memory"]) == ("2.5 s", "–")
    assert evaluate["share"] == pytest.approx(2.5 / 250.7)
    assert (found["total"], found["jobs"], found["missing"]) == ("4 min 13 s", 3, 0)


def test_what_is_not_there_is_counted_and_not_guessed(tmp_path: Path) -> None:
    jobs = {"pair": [benchmark(tmp_path / "a", "3.0"), "nowhere.tsv"], "embed_images": ["nowhere.tsv"]}
    found = stage_times(listed(tmp_path, jobs))
    assert found is not None
    assert [(row["rule"], row["jobs"], row["missing"]) for row in found["rows"]] == [("pair", 2, 1)]
    assert (found["missing"], found["jobs"]) == (2, 3)
    none = stage_times(listed(tmp_path, {"pair": ["nowhere.tsv"]}))
    assert none is not None and none["rows"] == [] and none["missing"] == 1


def test_without_a_list_there_is_no_section(tmp_path: Path) -> None:
    assert stage_times(tmp_path / "jobs.json") is None
    (tmp_path / "jobs.json").write_text("{")
    assert stage_times(tmp_path / "jobs.json") is None
    assert stage_times(listed(tmp_path, {})) is None


@pytest.mark.parametrize(
    "content",
    [b"", HEADER.encode(), b"h:m:s\n0:00:01\n", f"{HEADER}NA\t-\t3\n".encode(), f"{HEADER}nan\t-\t3\n".encode(),
     f"{HEADER}-1\t-\t3\n".encode(), b"\xff\xfe\x00s\t\n", b"\x89PNG\r\n\x1a\n\x00\x00"],
)  # fmt: skip
def test_an_odd_file_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.tsv").write_bytes(content)
    assert read_benchmark(tmp_path / "odd.tsv") is None
    assert read_benchmark(tmp_path) is None


def test_a_line_that_was_cut_tells_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "cut.tsv").write_text(f"{HEADER}1.5")
    assert read_benchmark(tmp_path / "cut.tsv") == (1.5, None)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [("99.94", "99.9 s"), ("100", "1 min 40 s"), ("3599.6", "60 min 00 s"), ("36000", "10 h 00 min")],
)
def test_long_times_are_told_in_minutes_and_hours(tmp_path: Path, seconds: str, said: str) -> None:
    found = stage_times(listed(tmp_path, {"pair": [benchmark(tmp_path / "a", seconds)]}))
    assert found is not None and found["rows"][0]["total"] == said
