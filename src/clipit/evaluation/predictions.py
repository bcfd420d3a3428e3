"""Predictions as arrays, one set a split, in the order of the patch ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.provenance import json_digest
from clipit.artifacts.schemas import predictions as schema
from clipit.artifacts.tables import read_table
from clipit.runtime.errors import UserError
from clipit.statistics.groups import group_codes


@dataclass(frozen=True)
class Predictions:
    """What a model says of one split.

    `labels` int64 (n,), `groups` int64 (n,) codes of patients or slides, None where none is known, `sources` of the
    images or slides that patches were cut from, `probabilities` float64 (n, C). `items` digests patch ids, labels and
    groups: equal where two models were tested on the same. `weak`: the labels are those of whole slides, copied to
    their tiles. `facts`: what training noted of the model, and an extra test of how the patches came to their labels.
    `centres` (n,) names of hospitals or scanners, each None where unknown; None where none is known.
    """

    path: Path
    classes: Sequence[str]
    labels: np.ndarray
    groups: np.ndarray | None
    sources: np.ndarray | None
    probabilities: np.ndarray
    items: str
    lineage: Mapping[str, str]
    weak: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    centres: np.ndarray | None = None

    @property
    def n_groups(self) -> int | None:
        return None if self.groups is None else int(self.groups.max()) + 1

    @property
    def correct(self) -> np.ndarray:
        """1.0 where the most probable class is the true one, float64 (n,)."""
        return (self.probabilities.argmax(axis=1) == self.labels).astype(np.float64)

    @property
    def absent(self) -> list[str]:
        """Classes without a single patch."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return [name for name, count in zip(self.classes, counts, strict=True) if count == 0]


def taken(split: Predictions, rows: np.ndarray) -> Predictions:
    """The items at `rows` alone, for metrics alone: `items` stays that of the whole."""
    return replace(
        split,
        labels=split.labels[rows],
        probabilities=split.probabilities[rows],
        groups=None if split.groups is None else np.unique(split.groups[rows], return_inverse=True)[1],
        sources=None,
        centres=None,
    )


def read_predictions(path: str | Path) -> dict[str, Predictions]:
    """The predictions at `path`, a split an entry.

    Raises:
        UserError: the file is empty, or labels or probabilities do not fit its classes.
    """
    stored = read_table(path, schema.SCHEMA)
    classes, weak = list(stored.meta["classes"]), bool(stored.meta.get("weak_labels"))
    noted = ("train_labels", "diagnostics", "extra_test")
    facts = {name: stored.meta[name] for name in noted if name in stored.meta}
    if len(stored.table) == 0:
        raise UserError(f"{path} holds no predictions: check that the data set has labelled val or test patches")
    table = stored.table.sort_by("patch_id")
    labels = table.column("label").to_numpy().astype(np.int64)
    flat = table.column("prob").combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    if labels.min() < 0 or labels.max() >= len(classes) or flat.size != len(labels) * len(classes):
        raise UserError(f"{path}: labels or probabilities do not fit its {len(classes)} classes: train the run again")
    if not np.isfinite(flat).all():
        raise UserError(f"{path} holds probabilities that are not numbers: training diverged, lower the learning rate")
    probabilities = flat.reshape(len(labels), len(classes))
    names_of = ("patch_id", "group", "source", "centre")
    ids, groups, sources, centres = (table.column(name).to_pylist() for name in names_of)
    found = {}
    splits = np.asarray(table.column("split").to_pylist())
    for split in sorted(set(splits)):
        rows = np.flatnonzero(splits == split)
        names = [groups[row] for row in rows]
        items = json_digest([classes, [ids[row] for row in rows], labels[rows].tolist(), names])
        found[str(split)] = Predictions(
            Path(path),
            classes,
            labels[rows],
            group_codes(names),
            group_codes([sources[row] for row in rows]),
            probabilities[rows],
            items,
            stored.lineage,
            weak,
            facts,
            np.array([centres[row] for row in rows], dtype=object) if any(centres) else None,
        )
    return found
