"""Pairs as whoever looks at them sees them: the reports of every patch as a row of codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from clipit.artifacts.schemas import pairs
from clipit.artifacts.tables import Stored, read_table
from clipit.runtime.errors import UserError


@dataclass(frozen=True)
class PairedReports:
    """The reports paired with the patches of a data set.

    Attributes:
        stored: the table that they come from, without its rows.
        patch_id: names of the N patches, object array (N,).
        report_id: names of the reports that occur, sorted, object array (m,).
        report: int64 (N, ranks) index into `report_id`, best first; -1 where a patch has fewer ranks.
        similarity: float32 (N,) cosine of the best report.
        n_reports: size of the corpus.
    """

    stored: Stored
    patch_id: np.ndarray
    report_id: np.ndarray
    report: np.ndarray
    similarity: np.ndarray
    n_reports: int

    @cached_property
    def _row(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.patch_id)}

    def rows(self, patch_id: Sequence[str] | np.ndarray) -> np.ndarray:
        """The row of each of `patch_id`, int64.

        Raises:
            UserError: a patch is not paired.
        """
        try:
            return np.array([self._row[name] for name in patch_id], dtype=np.int64)
        except KeyError as error:
            raise UserError(
                f"{self.stored.path} has no pair for patch {error.args[0]!r}: delete it and run snakemake again"
            ) from error

    def coded(self, names: np.ndarray) -> np.ndarray:
        """`report` as index into `names`, sorted, which hold `report_id`: pairings coded alike can be compared."""
        return np.append(np.searchsorted(names, self.report_id), -1)[self.report]


def read_paired_reports(path: str | Path) -> PairedReports:
    """Reads a table of pairs.

    Raises:
        UserError: it holds no pair, or not one best report for every patch.
    """
    stored = read_table(path, pairs.SCHEMA)
    if not len(stored.table):
        raise UserError(f"{path} holds no pair: check that the data set has patches")
    patches, reports = (
        stored.table.column(name).combine_chunks().dictionary_encode() for name in ("patch_id", "report_id")
    )
    patch, rank = patches.indices.to_numpy(), stored.table.column("rank").to_numpy()
    report_id, code = np.unique(np.array(reports.dictionary.to_pylist(), dtype=object), return_inverse=True)
    report = np.full((len(patches.dictionary), int(rank.max()) + 1), -1, dtype=np.int64)
    report[patch, rank] = code[reports.indices.to_numpy()]
    first = np.flatnonzero(rank == 0)
    if len(first) != len(report) or (report[:, 0] < 0).any():
        raise UserError(f"{path} does not hold one best report for every patch: delete it and run snakemake again")
    similarity = np.empty(len(report), dtype=np.float32)
    similarity[patch[first]] = stored.table.column("similarity").to_numpy()[first]
    patch_id = np.array(patches.dictionary.to_pylist(), dtype=object)
    return PairedReports(stored.without_rows(), patch_id, report_id, report, similarity, int(stored.meta["n_reports"]))


def report_names(paired: Sequence[PairedReports]) -> np.ndarray:
    """Every report that occurs in one of `paired`, sorted, object array."""
    return np.unique(np.concatenate([one.report_id for one in paired]))
