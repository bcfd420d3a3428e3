"""Report embeddings as whoever compares or distils them sees them: chunk by chunk, or one vector a report."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from clipit.artifacts.schemas import report_embeddings
from clipit.artifacts.tables import Stored, embedding_matrix, read_table
from clipit.runtime.errors import UserError


@dataclass(frozen=True)
class ReportVectors:
    """The reports of a corpus, sorted by id, and their chunks, which follow each other.

    Attributes:
        stored: the table that they come from.
        report_id: names of the M reports, object array (M,).
        chunks: unit vectors float32 (C, d), the chunks of report j at rows `first[j]` to `first[j + 1]`.
        first: int64 (M + 1,).
        order: the row of `stored` that each chunk stands in, int64 (C,).
        pooling: `mean`, `max` or `late`.
    """

    stored: Stored
    report_id: np.ndarray
    chunks: np.ndarray
    first: np.ndarray
    order: np.ndarray
    pooling: str

    def __len__(self) -> int:
        return len(self.report_id)

    @cached_property
    def pooled(self) -> np.ndarray:
        """One unit vector a report, float32 (M, d): the normalised mean of its chunks, or their greatest values."""
        if len(self.chunks) == len(self.report_id):
            return self.chunks
        combine = np.maximum if self.pooling == "max" else np.add
        pooled = combine.reduceat(self.chunks, self.first[:-1], axis=0)
        pooled /= np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
        return pooled

    @cached_property
    def owner(self) -> np.ndarray:
        """The report that each chunk is of, int64 (C,)."""
        return np.repeat(np.arange(len(self.report_id)), np.diff(self.first))


def read_report_vectors(path: Path) -> ReportVectors:
    """Reads a table of report embeddings.

    Raises:
        UserError: there is no report, a chunk is there twice, or an embedding is not finite.
    """
    stored = read_table(path, report_embeddings.schema())
    if not len(stored.table):
        raise UserError(f"{path} holds no report: check the corpus and its cleaning")
    owner, chunk = np.asarray(stored.column("report_id"), dtype=object), stored.table["chunk"].to_numpy()
    report_id, number = np.unique(owner.astype(str), return_inverse=True)
    order = np.lexsort((chunk, number))
    number, chunk = number[order], chunk[order]
    if len(order) > 1 and ((np.diff(number) == 0) & (np.diff(chunk) == 0)).any():
        raise UserError(f"{path} holds a report twice: delete it and run snakemake again")
    chunks = np.ascontiguousarray(embedding_matrix(stored)[order])
    if not np.isfinite(chunks).all():
        raise UserError(
            f"{path} holds an embedding that is not finite: set precision: fp32 in its retriever, and delete it"
        )
    first = np.searchsorted(number, np.arange(len(report_id) + 1))
    return ReportVectors(stored, report_id.astype(object), chunks, first, order, str(stored.meta["pooling"]))
