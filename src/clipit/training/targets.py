"""The vector t that a student distils for each patch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clipit.artifacts.report_vectors import read_report_vectors
from clipit.artifacts.schemas import image_embeddings as image_schema
from clipit.artifacts.schemas import pairs as pairs_schema
from clipit.artifacts.tables import Stored, embedding_matrix, read_table
from clipit.runtime.errors import UserError


@dataclass(frozen=True)
class Targets:
    """Unit vectors float32 (n, d), one for each of `patch_id`, and the tables that they come from."""

    patch_id: list[str]
    matrix: np.ndarray
    stored: tuple[Stored, ...]

    def of(self, patch_id: Sequence[str] | np.ndarray) -> np.ndarray:
        """The targets of `patch_id`, in that order.

        Raises:
            UserError: a patch has none.
        """
        row_of = {name: row for row, name in enumerate(self.patch_id)}
        try:
            return self.matrix[[row_of[name] for name in patch_id]]
        except KeyError as error:
            raise UserError(
                f"{self.stored[0].path} has no target for patch {error.args[0]!r}: run snakemake again"
            ) from error

    def inputs(self) -> dict[str, Path]:
        """The files behind them, named for provenance."""
        return {f"targets/{stored.path.name}": stored.path for stored in self.stored}


def report_targets(pairs: Path, report_embeddings: Path) -> Targets:
    """The paired reports' embeddings: summed by the pairs' weights, then L2-normalised.

    A report of several chunks counts by its pooled vector; with late pooling, by the chunk that the image was paired
    with.

    Raises:
        UserError: a paired report has no embedding.
    """
    paired = read_table(pairs, pairs_schema.SCHEMA)
    reports = read_report_vectors(report_embeddings)
    used = paired.table.filter(pc.greater(paired.table.column("weight"), 0))
    report = pc.index_in(used.column("report_id"), pa.array(reports.report_id, pa.string())).combine_chunks()
    if report.null_count:
        raise UserError(f"{report_embeddings} lacks a report that {pairs} names: run snakemake again")
    row = report.to_numpy()
    late = reports.pooling == "late"
    vectors = reports.chunks[reports.first[row] + used.column("chunk").to_numpy()] if late else reports.pooled[row]
    patches = used.column("patch_id").combine_chunks().dictionary_encode()
    weighted = vectors * used.column("weight").to_numpy()[:, None]
    matrix = _sum_rows(weighted, patches.indices.to_numpy(), len(patches.dictionary))
    return Targets(patches.dictionary.to_pylist(), _normalise(matrix), (paired, reports.stored))


def image_targets(image_embeddings: Sequence[Path]) -> Targets:
    """The retriever's own image embeddings, from all parts of a data set: the control without any text."""
    parts = tuple(read_table(path, image_schema.schema()) for path in image_embeddings)
    patch_id = [name for part in parts for name in part.column("patch_id")]
    return Targets(patch_id, np.concatenate([embedding_matrix(part) for part in parts if len(part.table)]), parts)


def read_targets(files: Mapping[str, Path | Sequence[Path]]) -> Targets:
    """Targets from `{"pairs", "report_embeddings"}` (two files) or `{"image_embeddings"}` (a list of parts)."""
    if "pairs" in files:
        return report_targets(files["pairs"], files["report_embeddings"])  # type: ignore[arg-type]
    return image_targets(files["image_embeddings"])  # type: ignore[arg-type]


def _sum_rows(rows: np.ndarray, to: np.ndarray, n: int) -> np.ndarray:
    """Row i of the result, float32 (n, d), is the sum of `rows` where `to` is i."""
    sums = np.zeros((n, rows.shape[1]), dtype=np.float32)
    np.add.at(sums, to, rows)
    return sums


def _normalise(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
