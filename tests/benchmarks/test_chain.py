import json
from pathlib import Path

import pytest

import bench
import chain
from bench import Measure
from clipit.artifacts.paths import Paths

HEADER = "s\th:m:s\tmax_rss\tmax_vms\n"


@pytest.fixture
def benchmarks(tmp_path):
    rows = {
        "pair/a/top1.tsv": "2.5\t0:00:02\t200.5\t900\n",
        "pair/a/csls.tsv": "1.5\t0:00:01\t300.0\t900\n",
        "report.tsv": "0.1\t0:00:00\t-\t-\n",
    }
    for name, row in rows.items():
        file = tmp_path / "benchmarks" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEADER + row)
    return tmp_path / "benchmarks"


def test_jobs_are_gathered_by_rule_slowest_first(benchmarks):
    rules = chain.read_benchmarks(benchmarks)
    assert list(rules) == ["pair", "report"]
    assert sorted(rules["pair"].seconds) == [1.5, 2.5]
    assert rules["report"].peaks == []


def test_the_total_is_judged_and_written(benchmarks, tmp_path, capsys):
    rows = chain.measures(chain.read_benchmarks(benchmarks), wall=500.0)
    bench.print_table("The default run", rows)
    assert "no" in capsys.readouterr().out
    written = json.loads(Path(bench.write_results("chain", rows, Paths(str(tmp_path)))).read_text())
    by_name = {row["metric"]: row for row in written}
    total = by_name["wall time, without the install"]
    assert (total["value"], total["target"], total["met"], total["baseline"]) == (500.0, 480, False, None)
    assert by_name["pair: 2 jobs, sum"]["value"] == 4.0
    assert by_name["pair: highest peak memory"]["value"] == 300.0
    assert by_name["highest peak memory of a job"]["met"] is None


def test_a_target_bounds_the_ratio_where_there_is_a_baseline():
    faster = Measure("read", 90.0, "patches/s", baseline=100.0, target=0.4, lower_is_better=False)
    assert (faster.ratio, faster.met) == (0.9, True)
    assert Measure("read", 30.0, "patches/s", baseline=100.0, target=0.4, lower_is_better=False).met is False
    assert Measure("seconds", 3.0, "s", baseline=2.0, target=1.2).met is False
