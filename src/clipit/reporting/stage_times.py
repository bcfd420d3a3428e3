"""Where the time of the whole chain went, by Snakemake's own measurements."""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Spent(NamedTuple):
    """What a job took.

    Attributes:
        seconds: from its start to its end.
        megabytes: of memory at the highest; None: not measured, as of the shortest jobs.
    """

    seconds: float
    megabytes: float | None


def stage_times(job_list: str | Path) -> dict[str, Any] | None:
    """A line for each rule of `job_list` ({rule: [benchmark of each job]}), in its order; None where there is no list.

    {"rows": [{"rule", "jobs", "missing", "total", "longest", "memory", "share"}], "total", "missing", "jobs"}; share is
    of the time of the rule that took longest. A job without a readable benchmark ran elsewhere, or before: it counts as
    missing and in nothing else, and a rule without any is left out.
    """
    jobs = listed_jobs(job_list)
    if not jobs:
        return None
    spent = {rule: [found for path in paths if (found := read_benchmark(path))] for rule, paths in jobs.items()}
    totals = {rule: sum(one.seconds for one in found) for rule, found in spent.items() if found}
    most = max(totals.values(), default=0.0)
    n_jobs = sum(map(len, jobs.values()))
    return {
        "rows": [_row(rule, len(jobs[rule]), spent[rule], totals[rule] / most if most else 0.0) for rule in totals],
        "total": _seconds(sum(totals.values())),
        "missing": n_jobs - sum(map(len, spent.values())),
        "jobs": n_jobs,
    }


def listed_jobs(path: str | Path) -> dict[str, list[str]]:
    """{rule: [benchmark of each of its jobs]} as `workflow.job_list` wrote it; empty where it cannot be read."""
    try:
        found: dict[str, list[str]] = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def read_benchmark(path: str | Path) -> Spent | None:
    """The last line of a Snakemake benchmark (tab-separated: s, max_rss in MB, …); None: there is none to be read."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, ValueError, csv.Error):
        return None
    seconds = _number(lines[-1].get("s")) if lines else None
    return None if seconds is None else Spent(seconds, _number(lines[-1].get("max_rss")))


def _number(text: str | None) -> float | None:
    """Snakemake writes NA or - for what it could not measure."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _row(rule: str, jobs: int, spent: Sequence[Spent], share: float) -> dict[str, Any]:
    memory = [one.megabytes for one in spent if one.megabytes is not None]
    return {
        "rule": rule,
        "jobs": jobs,
        "missing": jobs - len(spent),
        "total": _seconds(sum(one.seconds for one in spent)),
        "longest": _seconds(max(one.seconds for one in spent)),
        "memory": f"{max(memory):,.0f} MB" if memory else "–",
        "share": share,
    }


def _seconds(seconds: float) -> str:
    """12.3 s, 4 min 05 s, 3 h 20 min."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = round(seconds) // 60
    return (
        f"{minutes} min {round(seconds) % 60:02d} s" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
    )
