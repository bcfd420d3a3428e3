import json
from pathlib import Path
from types import SimpleNamespace

from clipit.workflow.job_list import write_job_list


def test_jobs_with_a_benchmark_are_listed_in_the_order_of_the_rules(tmp_path: Path) -> None:
    rules = [SimpleNamespace(name=name) for name in ("pair", "evaluate", "triage", "report", "all")]
    pair, evaluate, _, report, everything = rules
    jobs = [
        SimpleNamespace(rule=evaluate, benchmark="evaluate/b.tsv"),
        SimpleNamespace(rule=everything, benchmark=None),
        SimpleNamespace(rule=report, benchmark="report.tsv"),
        SimpleNamespace(rule=pair, benchmark="pair.tsv"),
        SimpleNamespace(rule=evaluate, benchmark="evaluate/a.tsv"),
    ]
    write_job_list(tmp_path / "deep" / "jobs.json", jobs, rules)
    listed = json.loads((tmp_path / "deep" / "jobs.json").read_text())
    assert list(listed.items()) == [("pair", ["pair.tsv"]), ("evaluate", ["evaluate/a.tsv", "evaluate/b.tsv"])]
