"""The patches of a data set with their splits and labels, checked before anything trains on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipit.artifacts.schemas import labels as labels_schema
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.schemas import splits as splits_schema
from clipit.artifacts.tables import Stored, agree, read_table
from clipit.runtime.errors import UserError

UNLABELLED = -1

SAME_MPP = 1.02
"""Resolutions whose ratio is less are the same."""


@dataclass(frozen=True)
class Examples:
    """The patches of a data set, in the store's order.

    Attributes:
        patch_id: (N,) names.
        row: (N,) int64 rows of the patch store.
        group: patient or slide, None where unknown.
        source: image or slide that the pixels come from.
        centre: hospital or scanner, None where unknown.
        split: (N,) "train", "val" or "test".
        label: (N,) int64 index into `classes`, `UNLABELLED` where there is none.
        classes: class names.
        weak: the labels are those of whole slides, copied to their tiles.
        stored: the tables that these were read from.
    """

    patch_id: np.ndarray
    row: np.ndarray
    group: list[str | None]
    source: list[str]
    centre: list[str | None]
    split: np.ndarray
    label: np.ndarray
    classes: tuple[str, ...]
    weak: bool
    stored: tuple[Stored, ...]

    def labelled(self, *splits: str) -> np.ndarray:
        """Positions of the labelled patches of `splits`."""
        return np.flatnonzero(np.isin(self.split, splits) & (self.label != UNLABELLED))

    def unlabelled_train(self) -> np.ndarray:
        """Positions of the train patches without a label."""
        return np.flatnonzero((self.split == "train") & (self.label == UNLABELLED))


def read_examples(patches: Path, splits: Path, labels: Path) -> Examples:
    """The patches to train on.

    Raises:
        UserError: the tables do not belong together, a class has no labelled train patch, or no val patch is labelled.
    """
    examples = join_examples(patches, splits, labels)
    if set(examples.split) == {"test"}:
        raise UserError(f"{splits}: all patches are test, so only an extra test can use them: name a train split")
    counts = np.bincount(examples.label[examples.labelled("train")], minlength=len(examples.classes))
    for name, count in zip(examples.classes, counts, strict=True):
        if count == 0:
            raise UserError(f"{labels}: class {name!r} has no labelled train patch: label some, or drop the class")
    if not len(examples.labelled("val")):
        raise UserError(
            f"{labels}: no val patch is labelled, so no model can be chosen: label some, or change the splits"
        )
    return examples


def join_examples(patches: Path, splits: Path, labels: Path) -> Examples:
    """The three tables joined by `patch_id`.

    Raises:
        UserError: they do not belong together.
    """
    stored = (
        read_table(patches, patches_schema.SCHEMA),
        read_table(splits, splits_schema.SCHEMA),
        read_table(labels, labels_schema.SCHEMA),
    )
    agree(*stored)
    patch_table, split_table, label_table = stored
    patch_id = np.array(patch_table.column("patch_id"), dtype=object)
    label = [UNLABELLED if value is None else value for value in label_table.column("label")]
    return Examples(
        patch_id=patch_id,
        row=np.array(patch_table.column("index"), dtype=np.int64),
        group=patch_table.column("group"),
        source=patch_table.column("source"),
        centre=patch_table.column("centre"),
        split=np.array(split_table.column("split"), dtype=object)[positions(patch_id, split_table)],
        label=np.array(label, dtype=np.int64)[positions(patch_id, label_table)],
        classes=tuple(label_table.meta["classes"]),
        weak=bool(label_table.meta.get("weak")),
        stored=stored,
    )


def resolution(examples: Examples) -> float | None:
    """Microns per pixel of the patches, None where it is unknown or not the same, within 2%, for all."""
    found = [mpp for mpp in examples.stored[0].column("mpp") if mpp is not None]
    if not found or len(found) < len(examples.patch_id) or max(found) > SAME_MPP * min(found):
        return None
    return float(np.median(found))


def positions(patch_id: Sequence[str] | np.ndarray, stored: Stored) -> np.ndarray:
    """The row of `stored` for each of `patch_id`.

    Raises:
        UserError: a patch is missing from `stored`.
    """
    row_of = {name: row for row, name in enumerate(stored.column("patch_id"))}
    try:
        return np.array([row_of[name] for name in patch_id], dtype=np.int64)
    except KeyError as error:
        raise UserError(
            f"{stored.path} has no row for patch {error.args[0]!r}: delete it and run snakemake again"
        ) from error
