"""Which test patches the primary variant wins over its control, which it loses, and which of them to look at.

The report shows these patches and `attribution` explains them: both ask here, so that they are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow.compute as pc

from clipit.artifacts.schemas import predictions as predictions_schema
from clipit.artifacts.tables import Stored, agree, read_table
from clipit.runtime.errors import UserError
from clipit.statistics.groups import group_codes

SHOWN = 6

Run = Mapping[str, Any]


@dataclass(frozen=True)
class Contest:
    """The test patches of one row of a comparison, in the order of their names, and what two variants say of them.

    Attributes:
        classes: class names.
        patch_id: object (n,).
        label: int64 (n,), index into `classes`.
        group: int64 (n,), codes of patients or slides; None where none is known.
        said: of the primary variant and of its control the probabilities of each seed, float64 (seeds, n, C).
        stored: the tables of predictions, without their rows.
    """

    classes: Sequence[str]
    patch_id: np.ndarray
    label: np.ndarray
    group: np.ndarray | None
    said: tuple[np.ndarray, np.ndarray]
    stored: Sequence[Stored]

    @cached_property
    def right(self) -> tuple[np.ndarray, np.ndarray]:
        """The share of seeds that have a patch right, of either variant: float64 (n,)."""
        ours, theirs = ((side.argmax(axis=2) == self.label).mean(axis=0) for side in self.said)
        return ours, theirs

    @cached_property
    def gain(self) -> np.ndarray:
        """The difference of the shares, float64 (n,): a patch is won where it is positive, lost where negative."""
        return self.right[0] - self.right[1]

    @cached_property
    def picked(self) -> dict[str, np.ndarray]:
        """{"won", "lost": rows of up to 6 patches}, the clearest first.

        Those that most seeds win or lose, of equals those whose true class's probability differs most.
        """
        ours, theirs = (side[:, np.arange(len(self.label)), self.label].mean(axis=0) for side in self.said)
        order = np.lexsort((theirs - ours, -self.gain))
        falling = order[::-1]
        return {"won": order[self.gain[order] > 0][:SHOWN], "lost": falling[self.gain[falling] < 0][:SHOWN]}


def sides(runs: Sequence[Run], primary: Sequence[str], row: Mapping[str, str]) -> list[list[Run]]:
    """The runs of each variant of `primary`, of the first row of labels that does not contradict `row`; [] without any.

    Each of `runs` is {"row", "variant", …}.
    """
    return [_side(runs, variant, row) for variant in primary]


def read_contest(sides: Sequence[Sequence[Run]]) -> Contest:
    """The contest of the primary variant's runs with its control's, whose "predictions" are paths.

    Raises:
        UserError: predictions that do not belong together.
    """
    tables = [[read_table(run["predictions"], predictions_schema.SCHEMA) for run in side] for side in sides]
    every = [table for side in tables for table in side]
    agree(*(table.without_rows() for table in every))
    tests = [_of_test(table) for table in every]
    first = tests[0]
    for table, test in zip(every, tests, strict=True):
        if test["patch_id"] != first["patch_id"] or test["label"] != first["label"]:
            raise UserError(
                f"{table.path} and {every[0].path} are of different test patches or labels: delete the older of the "
                "two and run snakemake again"
            )
    probabilities = np.array([test["prob"] for test in tests], dtype=np.float64)
    ours = len(tables[0])
    return Contest(
        every[0].meta["classes"],
        np.array(first["patch_id"], dtype=object),
        np.array(first["label"], dtype=np.int64),
        group_codes(first["group"]),
        (probabilities[:ours], probabilities[ours:]),
        [table.without_rows() for table in every],
    )


def _side(runs: Sequence[Run], variant: str, row: Mapping[str, str]) -> list[Run]:
    fitting = [
        run
        for run in runs
        if run["variant"] == variant
        and all(row.get(name) in (None, value) for name, value in run["row"].items() if value is not None)
    ]
    return [run for run in fitting if run["row"] == fitting[0]["row"]]


def _of_test(stored: Stored) -> dict[str, list[Any]]:
    """The columns of the test patches, in the order of their names."""
    rows = stored.table.filter(pc.equal(stored.table.column("split"), "test")).sort_by("patch_id")
    columns: dict[str, list[Any]] = rows.select(["patch_id", "label", "group", "prob"]).to_pydict()
    return columns
