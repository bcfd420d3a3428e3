"""What the explorer shows, read from the artefacts: a sample of images, the reports they meet, and by which passage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clipit.artifacts.schemas import labels, pairs, patches, report_embeddings, reports, splits
from clipit.artifacts.tables import Stored, agree, read_table
from clipit.runtime.errors import UserError
from clipit.statistics.sampling import draw

RANKS = 5
UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class Images:
    """The images of a data set, in the order of its store.

    Attributes:
        stored: the table that they come from.
        patch_id: their names, n of them.
        row: rows of the store, int64 (n,).
        split: train, val or test, n of them.
        label: index into `classes`, int64 (n,).
        classes: names of the classes; the last one is `unlabelled` where a label is missing.
        weak: the labels are those of whole slides.
    """

    stored: Stored
    patch_id: list[str]
    row: np.ndarray
    split: list[str]
    label: np.ndarray
    classes: list[str]
    weak: bool

    def __len__(self) -> int:
        return len(self.patch_id)

    def sample(self, total: int) -> np.ndarray:
        """Positions, int64 ascending, of at most `total` images drawn by split and class."""
        return draw(self.patch_id, list(zip(self.split, self.label.tolist(), strict=True)), total)


def read_images(files: Mapping[str, str | Path]) -> Images:
    """The images of a data set from its `patches`, `splits` and `labels`."""
    stored = read_table(files["patches"], patches.SCHEMA)
    split, label = read_table(files["splits"], splits.SCHEMA), read_table(files["labels"], labels.SCHEMA)
    agree(stored, split, label)
    names, classes = stored.column("patch_id"), list(label.meta["classes"])
    split_of = dict(zip(split.column("patch_id"), split.column("split"), strict=True))
    label_of = dict(zip(label.column("patch_id"), label.column("label"), strict=True))
    found = [label_of.get(name) for name in names]
    if None in found:
        classes.append(UNLABELLED)
    number = np.array([len(classes) - 1 if i is None else i for i in found], dtype=np.int64)
    rows = stored.table["index"].to_numpy()
    weak = bool(label.meta.get("weak"))
    return Images(stored, names, rows, [split_of[name] for name in names], number, classes, weak)


@dataclass(frozen=True)
class Ranked:
    """The best reports of each image shown, by one method; arrays are (images, ranks), a missing rank is report None.

    Attributes:
        stored: the table that they come from, without its rows.
        report_id: object.
        chunk: the chunk of the report that is most similar to the image, int64.
        similarity, score, weight: float64, NaN where missing.
        uses: of how many images of the whole data set each report is the first.
    """

    stored: Stored
    report_id: np.ndarray
    chunk: np.ndarray
    similarity: np.ndarray
    score: np.ndarray
    weight: np.ndarray
    uses: Mapping[str, int]


def read_ranked(path: str | Path, patch_ids: Sequence[str]) -> Ranked:
    """The reports of rank 0 to 4 of the images `patch_ids`.

    Raises:
        UserError: an image has no report.
    """
    stored = read_table(path, pairs.SCHEMA)
    table = stored.table
    first = table.filter(pc.equal(table["rank"], 0))
    uses = {count["values"]: count["counts"] for count in pc.value_counts(first["report_id"]).to_pylist()}
    wanted = pa.array(patch_ids, pa.string())
    keep = pc.and_(pc.less(table["rank"], RANKS), pc.is_in(table["patch_id"], value_set=wanted))
    table = table.filter(keep)
    at = pc.index_in(table["patch_id"], value_set=wanted).to_numpy(), table["rank"].to_numpy()
    shape = len(patch_ids), RANKS

    def placed(name: str, missing: Any, kind: Any) -> np.ndarray:
        values = np.full(shape, missing, dtype=kind)
        values[at] = table[name].to_numpy(zero_copy_only=False)
        return values

    report_id = placed("report_id", None, object)
    if lacking := [name for name, found in zip(patch_ids, report_id[:, 0], strict=True) if found is None]:
        raise UserError(f"{path} pairs no report with {lacking[0]}: delete it and run snakemake again")
    similarity, score, weight = (placed(name, np.nan, np.float64) for name in ("similarity", "score", "weight"))
    return Ranked(stored.without_rows(), report_id, placed("chunk", -1, np.int64), similarity, score, weight, uses)


@dataclass(frozen=True)
class Chunks:
    """Where the chunks of a corpus stand in their reports; `stored` is their table without its rows."""

    stored: Stored
    place: Mapping[tuple[str, int], tuple[int, int]]

    def of(self, report_id: str, chunk: int) -> tuple[int, int]:
        """First character of a chunk in its report's text, and the one after its last.

        Raises:
            UserError: the report has no such chunk.
        """
        try:
            return self.place[report_id, chunk]
        except KeyError:
            raise UserError(
                f"{self.stored.path} lacks a chunk that images were paired by: delete it and run snakemake again"
            ) from None


def read_chunks(path: str | Path) -> Chunks:
    """The chunks in a table of report embeddings."""
    stored = read_table(path, report_embeddings.schema())
    keys = zip(stored.column("report_id"), stored.column("chunk"), strict=True)
    places = zip(stored.column("start"), stored.column("stop"), strict=True)
    return Chunks(stored.without_rows(), dict(zip(keys, places, strict=True)))


def read_texts(path: str | Path, report_ids: set[str]) -> tuple[Stored, dict[str, str]]:
    """The corpus without its rows, and the texts of `report_ids`."""
    stored = read_table(path, reports.SCHEMA)
    table = stored.table.select(["report_id", "text"])
    table = table.filter(pc.is_in(table["report_id"], value_set=pa.array(sorted(report_ids), pa.string())))
    return stored.without_rows(), dict(zip(table["report_id"].to_pylist(), table["text"].to_pylist(), strict=True))
