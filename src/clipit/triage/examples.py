"""The train and val patches of a data set; the test split is dropped as it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipit.artifacts.schemas import image_embeddings as images_schema
from clipit.artifacts.schemas import labels as labels_schema
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.schemas import predictions as predictions_schema
from clipit.artifacts.schemas import splits as splits_schema
from clipit.artifacts.tables import Stored, embedding_matrix, read_table
from clipit.runtime.errors import UserError
from clipit.statistics.groups import group_codes

FEWEST_VAL = 5
"""Labelled val patches of a class below which its recall moves by more than 20 points with a single patch."""


@dataclass(frozen=True)
class Examples:
    """What triage may look at.

    Attributes:
        classes: class names.
        train: names of all train patches, object array; `val` likewise.
        train_labelled: names of the labelled ones, `train_label` int64 their classes; `val_labelled` and `val_label`
            likewise.
        groups: int64 codes of the patients or slides of `val_labelled`, None where unknown.
        weak: the labels are those of whole slides, copied to their tiles.
        stored: the tables that these were read from.
    """

    classes: tuple[str, ...]
    train: np.ndarray
    val: np.ndarray
    train_labelled: np.ndarray
    train_label: np.ndarray
    val_labelled: np.ndarray
    val_label: np.ndarray
    groups: np.ndarray | None
    weak: bool
    stored: tuple[Stored, ...]

    @property
    def largest_class(self) -> float:
        """Share of the most frequent class among the labelled patches."""
        counts = np.bincount(np.concatenate([self.train_label, self.val_label]))
        return float(counts.max() / counts.sum())


def read_examples(patches: Path, splits: Path, labels: Path) -> Examples:
    """Joins the three tables by `patch_id`.

    Raises:
        UserError: a class has no labelled train patch, or fewer than five labelled val patches.
    """
    grouped = read_table(patches, patches_schema.SCHEMA)
    split, labelled = read_table(splits, splits_schema.SCHEMA), read_table(labels, labels_schema.SCHEMA)
    split_of = dict(zip(split.column("patch_id"), split.column("split"), strict=True))
    group_of = dict(zip(grouped.column("patch_id"), grouped.column("group"), strict=True))
    train, val = ([name for name in grouped.column("patch_id") if split_of[name] == part] for part in ("train", "val"))
    seen = {*train, *val}
    label_of = {
        name: label
        for name, label in zip(labelled.column("patch_id"), labelled.column("label"), strict=True)
        if name in seen and label is not None
    }
    known = {part: [name for name in names if name in label_of] for part, names in (("train", train), ("val", val))}
    classes = tuple(labelled.meta["classes"])
    label = {part: np.array([label_of[name] for name in names], dtype=np.int64) for part, names in known.items()}
    for part, fewest in (("train", 1), ("val", FEWEST_VAL)):
        for name, count in zip(classes, np.bincount(label[part], minlength=len(classes)), strict=True):
            if count < fewest:
                raise UserError(
                    f"{labels}: class {name!r} has {count} labelled {part} patches, triage needs {fewest}: label more, "
                    "or change the splits"
                )
    return Examples(
        classes=classes,
        train=np.array(train, dtype=object),
        val=np.array(val, dtype=object),
        train_labelled=np.array(known["train"], dtype=object),
        train_label=label["train"],
        val_labelled=np.array(known["val"], dtype=object),
        val_label=label["val"],
        groups=group_codes([group_of[name] for name in known["val"]]),
        weak=bool(labelled.meta.get("weak")),
        stored=(grouped, split, labelled),
    )


@dataclass(frozen=True)
class Embedded:
    """A retriever's unit vectors float32 (N, d) of a data set's patches, and the tables that they come from."""

    row: Mapping[str, int]
    matrix: np.ndarray
    stored: tuple[Stored, ...]

    def of(self, patch_id: np.ndarray) -> np.ndarray:
        """The vectors of `patch_id`, float32 (n, d).

        Raises:
            UserError: a patch has none.
        """
        try:
            return self.matrix[[self.row[name] for name in patch_id]]
        except KeyError as error:
            raise UserError(
                f"{self.stored[0].path} has no embedding of patch {error.args[0]!r}: delete it and run snakemake again"
            ) from error


def read_embeddings(parts: Sequence[Path]) -> Embedded:
    """Joins all parts of a data set's embeddings.

    Raises:
        UserError: an embedding is not finite.
    """
    stored = tuple(read_table(part, images_schema.schema()) for part in parts)
    matrix = np.concatenate([embedding_matrix(table) for table in stored if len(table.table)])
    if not np.isfinite(matrix).all():
        raise UserError(
            f"{Path(parts[0]).parent} holds an embedding that is not finite: set precision: fp32 in its retriever, and "
            "delete the folder"
        )
    names = (name for table in stored for name in table.column("patch_id"))
    return Embedded({name: row for row, name in enumerate(names)}, matrix, stored)


def read_said(predictions: Path, patch_id: np.ndarray) -> tuple[np.ndarray, Stored]:
    """The most probable class of each of `patch_id`, int64, from predictions on val patches; and the table.

    Raises:
        UserError: a patch has no prediction.
    """
    stored = read_table(predictions, predictions_schema.SCHEMA)
    said = dict(zip(stored.column("patch_id"), np.argmax(stored.column("prob"), axis=1), strict=True))
    try:
        return np.array([said[name] for name in patch_id], dtype=np.int64), stored
    except KeyError as error:
        raise UserError(
            f"{predictions} says nothing of patch {error.args[0]!r}: delete it and run snakemake again"
        ) from error
