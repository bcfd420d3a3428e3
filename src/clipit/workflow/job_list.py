"""The planned jobs' benchmarks, for the report, whose own job knows no other."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from clipit.artifacts.atomic import write_text

_LATER = ("report", "explorer")
"""Rules that are not done when the report is written."""


def write_job_list(path: str | Path, jobs: Iterable[Any], rules: Sequence[Any]) -> None:
    """Writes {rule: [benchmark file of each of its jobs]} for Snakemake's `jobs`, in the order of `rules`, as JSON."""
    found: dict[str, list[str]] = {rule.name: [] for rule in rules if rule.name not in _LATER}
    for job in jobs:
        if job.benchmark is not None and job.rule.name in found:
            found[job.rule.name].append(str(job.benchmark))
    listed = {rule: sorted(benchmarks) for rule, benchmarks in found.items() if benchmarks}
    write_text(path, json.dumps(listed, indent=1) + "\n")
