"""Pairings that are right as often as asked, compared by the library: for tests of the table and of the page."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from tests.paired import ORIGIN, DataSet, write_data_set, write_pairs, write_report_embeddings, write_truth

from clipit.pairing.audit import audit_pairs
from clipit.pairing.compare import compare_pairings

CONTROLS = ("random", "oracle")
PATIENTS, PATCHES, FINDINGS = 40, 6, 8
N, REPORTS = PATIENTS * PATCHES, 2 * FINDINGS
FINDING = np.random.default_rng(0).integers(0, FINDINGS, N)


class Experiment:
    """A data set whose last 20 patients are the test split, and pairings that are right with given shares."""

    def __init__(self, folder: Path, *, grouped: bool = True, truth: bool = True, test: bool = True) -> None:
        group = [f"patient{i // PATCHES}" for i in range(N)] if grouped else None
        split = ["test" if test and i >= N // 2 else "val" if i >= N // 3 else "train" for i in range(N)]
        self.data: DataSet = write_data_set(folder, label=(FINDING // 2 % 3).tolist(), split=split, group=group)
        of_report = [code % FINDINGS for code in range(REPORTS)]
        self.truth = write_truth(folder, of_image=FINDING.tolist(), of_report=of_report) if truth else {}
        self.pairings: list[dict[str, Any]] = []
        self.folder = folder

    def pair(
        self, pairing: str, right: float, *, retriever: str = "clip", seed: int = 1, by_patient: bool = False
    ) -> None:
        """Adds a pairing whose best report is right with probability `right`, decided for whole patients if asked."""
        rng = np.random.default_rng(seed)
        hit = np.repeat(rng.random(PATIENTS), PATCHES) < right if by_patient else rng.random(N) < right
        finding = np.where(hit, FINDING, (FINDING + 1 + rng.integers(0, FINDINGS - 1, N)) % FINDINGS)
        best = finding + FINDINGS * rng.integers(0, 2, N)
        rest = np.array([rng.permutation(np.setdiff1d(np.arange(REPORTS), [code]))[:9] for code in best])
        folder = self.folder / retriever / pairing
        pairs = write_pairs(folder / "pairs", np.hstack([best[:, None], rest]), REPORTS, retriever=retriever)
        audit_pairs(pairs, **self.data.tables, out=folder / "audit", method=pairing, truth=self.truth, origin=ORIGIN)
        names = [f"r{code:03d}" for code in range(REPORTS)]
        embeddings = write_report_embeddings(
            folder / "reports", names, np.eye(REPORTS), tokens_read=0.5, retriever=retriever
        )
        row = {"dataset": "phantom", "corpus": "reports", "retriever": retriever, "pairing": pairing}
        self.pairings.append(
            {"row": row, "method": pairing, "control": pairing in CONTROLS, "pairs": pairs, "audit": folder / "audit",
             "report_embeddings": embeddings, "patches": self.data.file("patches"),
             "splits": self.data.file("splits"), "truth": self.truth}
        )  # fmt: skip

    @property
    def outs(self) -> list[Path]:
        return [self.folder / f"table.{suffix}" for suffix in ("csv", "md", "json")]

    def table(self, **options: Any) -> dict[str, Any]:
        compare_pairings(self.pairings, *self.outs, title="Pairings of it", origin=ORIGIN, resamples=400, **options)
        return json.loads(self.outs[2].read_text())
