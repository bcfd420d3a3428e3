"""What the rule `measure_cost` asks of the configuration."""

from collections.abc import Mapping
from typing import Any

from clipit.artifacts.paths import Paths
from clipit.config.expand import Plan
from clipit.config.runs import Run

MEASURED = "clipit"
"""The variant whose student is measured."""


def measured(plan: Plan, experiment: str) -> Run | None:
    """The run whose student's cost an experiment shows: of its first row with that variant; None: it has none."""
    return next((row.run for row in plan.tables[experiment] if row.run.variant == MEASURED), None)


def costs(plan: Plan, paths: Paths) -> list[dict[str, Any]]:
    """What the report shows of costs, where there is such a student: {"experiment", "file", "student": its names}."""
    found = {title: measured(plan, title) for title in plan.tables}
    return [
        {"experiment": title, "file": paths.cost(title), "student": _names(run)} for title, run in found.items() if run
    ]


def _names(run: Run) -> Mapping[str, Any]:
    return {name: getattr(run, name) for name in ("dataset", "backbone", "retriever", "variant", "seed")}
