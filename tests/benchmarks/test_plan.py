"""The benchmark of planning counts the jobs that it times."""

import plan


def test_more_seeds_are_more_jobs() -> None:
    rows = plan.measure(seeds=3)
    jobs = [int(row.metric.split()[1].replace(",", "")) for row in rows if row.metric.startswith("planning")]
    assert jobs[0] > jobs[1] > 50
    assert rows[0].value > 0 and rows[0].target == 60
