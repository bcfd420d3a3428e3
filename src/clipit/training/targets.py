"""The vector t that a student distils for each patch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clipit.artifacts.report_vectors import ReportVectors, read_report_vectors
from clipit.artifacts.schemas import image_embeddings as image_schema
from clipit.artifacts.schemas import pairs as pairs_schema
from clipit.artifacts.schemas import report_embeddings as report_schema
from clipit.artifacts.tables import Stored, embedding_matrix, read_table
from clipit.runtime.errors import UserError


@dataclass(frozen=True)
class Targets:
    """Unit vectors float32 (n, d), one for each of `patch_id`, and the tables that they come from.

    `patch_id` None: one vector (1, d), the same for every patch.
    """

    patch_id: list[str] | None
    matrix: np.ndarray
    stored: tuple[Stored, ...]

    def of(self, patch_id: Sequence[str] | np.ndarray) -> np.ndarray:
        """The targets of `patch_id`, in that order.

        Raises:
            UserError: a patch has none.
        """
        if self.patch_id is None:
            return np.repeat(self.matrix, len(patch_id), axis=0)
        row_of = {name: row for row, name in enumerate(self.patch_id)}
        try:
            return self.matrix[[row_of[name] for name in patch_id]]
        except KeyError as error:
            raise UserError(
                f"{self.stored[0].path} has no target for patch {error.args[0]!r}: run snakemake again"
            ) from error

    def centred(self, on: Sequence[str] | np.ndarray) -> "Targets":
        """Less the mean target of the patches `on`, normalised again: what is common to all targets says nothing.

        One vector for every patch would be nothing but rounding then, and is left as it is.
        """
        if self.patch_id is None:
            return self
        return replace(self, matrix=_normalise(self.matrix - self.of(on).mean(axis=0)))

    def inputs(self) -> dict[str, Path]:
        """The files behind them, named for provenance."""
        return {f"targets/{stored.path.name}": stored.path for stored in self.stored}


def report_targets(pairs: Path, report_embeddings: Path, rank: int | None = None) -> Targets:
    """The paired reports' embeddings: summed by the pairs' weights, then L2-normalised.

    A report of several chunks counts by its pooled vector; with late pooling, by the chunk that the image was paired
    with. `rank`: that report alone, 0 the best, whatever it weighs.

    Raises:
        UserError: a paired report has no embedding, or there are not so many ranks.
    """
    reports = read_report_vectors(report_embeddings)
    mixture = read_mixture(pairs, reports, rank)
    vectors = reports.chunks[mixture.chunk] if reports.pooling == "late" else reports.pooled[mixture.report]
    matrix = _sum_rows(vectors * mixture.weight[:, None], mixture.patch, len(mixture.patch_id))
    return Targets(mixture.patch_id, _normalise(matrix), (mixture.stored, reports.stored))


@dataclass(frozen=True)
class Mixture:
    """Which reports make up which patch's target: the entries (patch, report, chunk, weight) of a sparse matrix.

    Attributes:
        patch_id: names of the patches.
        patch, report, chunk: int64 (entries,): positions in `patch_id`, in the reports, in all their chunks.
        weight: float32 (entries,); those of a patch sum to 1.
        stored: the table of pairs.
    """

    patch_id: list[str]
    patch: np.ndarray
    report: np.ndarray
    chunk: np.ndarray
    weight: np.ndarray
    stored: Stored


def read_mixture(pairs: Path, reports: ReportVectors, rank: int | None = None) -> Mixture:
    """The reports that `pairs` weighs, or those of one `rank` alone.

    Raises:
        UserError: a paired report has no embedding, or there are not so many ranks.
    """
    paired = read_table(pairs, pairs_schema.SCHEMA)
    table = paired.table
    wanted = pc.greater(table.column("weight"), 0) if rank is None else pc.equal(table.column("rank"), rank)
    used = table.filter(wanted)
    patches = used.column("patch_id").combine_chunks().dictionary_encode()
    if rank is not None and len(used) < len(pc.unique(table.column("patch_id"))):
        raise UserError(f"{pairs} has fewer than {rank + 1} reports for an image: leave out the variant rank{rank + 1}")
    report = pc.index_in(used.column("report_id"), pa.array(reports.report_id, pa.string())).combine_chunks()
    if report.null_count:
        raise UserError(f"{reports.stored.path} lacks a report that {pairs} names: run snakemake again")
    row = report.to_numpy().astype(np.int64)
    weight = used.column("weight").to_numpy() if rank is None else np.ones(len(row), np.float32)
    chunk = reports.first[row] + used.column("chunk").to_numpy()
    patch = patches.indices.to_numpy().astype(np.int64)
    return Mixture(patches.dictionary.to_pylist(), patch, row, chunk, weight, paired)


def mean_report_target(report_embeddings: Path) -> Targets:
    """The mean of all reports, normalised, for every patch: the control that says nothing of the image."""
    reports = read_report_vectors(report_embeddings)
    return Targets(None, _normalise(reports.pooled.mean(axis=0, keepdims=True)), (reports.stored,))


def image_targets(image_embeddings: Sequence[Path]) -> Targets:
    """The retriever's own image embeddings, from all parts of a data set: the control without any text."""
    parts = tuple(read_table(path, image_schema.schema()) for path in image_embeddings)
    patch_id = [name for part in parts for name in part.column("patch_id")]
    return Targets(patch_id, np.concatenate([embedding_matrix(part) for part in parts if len(part.table)]), parts)


def class_prompt_targets(image_embeddings: Sequence[Path], class_prompts: Path) -> Targets:
    """The class, as a text, that the retriever finds most similar to the image; no label is read."""
    images, prompts = image_targets(image_embeddings), read_table(class_prompts, report_schema.schema())
    classes = embedding_matrix(prompts)
    nearest = (images.matrix @ classes.T).argmax(axis=1)
    return replace(images, matrix=classes[nearest], stored=(*images.stored, prompts))


def read_targets(files: Mapping[str, Path | Sequence[Path]], rank: int | None = None) -> Targets:
    """Targets from the files that name them.

    `pairs` and `report_embeddings`: the paired reports; `report_embeddings` alone: the mean report; `image_embeddings`
    (all parts): the images' own; with `class_prompts`: the nearest of these.
    """
    given: Any = files
    if "pairs" in files:
        return report_targets(given["pairs"], given["report_embeddings"], rank)
    if "report_embeddings" in files:
        return mean_report_target(given["report_embeddings"])
    if "class_prompts" in files:
        return class_prompt_targets(given["image_embeddings"], given["class_prompts"])
    return image_targets(given["image_embeddings"])


def _sum_rows(rows: np.ndarray, to: np.ndarray, n: int) -> np.ndarray:
    """Row i of the result, float32 (n, d), is the sum of `rows` where `to` is i."""
    sums = np.zeros((n, rows.shape[1]), dtype=np.float32)
    np.add.at(sums, to, rows)
    return sums


def _normalise(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
