"""What a pairing method is handed, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from clipit.artifacts.report_vectors import ReportVectors
from clipit.artifacts.schemas import image_embeddings
from clipit.artifacts.tables import Stored, embedding_matrix, read_table
from clipit.pairing.search import Barred, Vectors, best_reports
from clipit.runtime.errors import UserError


@dataclass(frozen=True)
class Ranking:
    """The reports of every image, best first; arrays are (images, ranks).

    Attributes:
        report: row of the corpus, int64.
        score: what the ranking is by, float32.
    """

    report: np.ndarray
    score: np.ndarray


@dataclass(frozen=True)
class Problem:
    """Images to pair, and the corpus. No label is in it.

    Attributes:
        patch_id: names of the n images, object array.
        images: their unit vectors, float32 (n, d).
        split: of each image, object array; None where no method of the kind asked for looks at it.
        reports: the corpus.
        barred: pairs that never meet.
        ranks: reports an image to find.
        device: where to search.
        truth: the phantom's finding of each image and of each report, int arrays; None: unknown.
    """

    patch_id: np.ndarray
    images: np.ndarray
    split: np.ndarray | None
    reports: ReportVectors
    barred: Barred
    ranks: int
    device: str = "cpu"
    truth: tuple[np.ndarray, np.ndarray] | None = None

    @cached_property
    def vectors(self) -> Vectors:
        """What images are compared with: a vector a report, or for late pooling its chunks."""
        reports = self.reports
        if reports.pooling == "late":
            return Vectors(reports.chunks, reports.first)
        return Vectors(reports.pooled, np.arange(len(reports) + 1))

    @cached_property
    def train(self) -> np.ndarray:
        """Unit vectors of the train images, ordered by name: the only images that any statistic is fitted on.

        Raises:
            UserError: there is none.
        """
        assert self.split is not None
        rows = np.flatnonzero(self.split == "train")
        if not len(rows):
            raise UserError("no image is in the train split, on which this pairing is fitted: check the splits")
        return np.ascontiguousarray(self.images[rows[np.argsort(self.patch_id[rows])]])

    def ranked(
        self,
        bias: np.ndarray | None = None,
        *,
        images: np.ndarray | None = None,
        vectors: Vectors | None = None,
        ranks: int | None = None,
    ) -> Ranking:
        """Every image's reports by s_ij + bias_j, `bias` (M,); of other vectors than the embeddings where given."""
        vectors = self.vectors if vectors is None else vectors
        if bias is not None:
            vectors = replace(vectors, bias=bias.astype(np.float32))
        images = self.images if images is None else images
        ranks = self.ranks if ranks is None else ranks
        found = best_reports(images, vectors, ranks, barred=self.barred, what="pair", device=self.device)
        return Ranking(*found)

    @property
    def most_ranks(self) -> int:
        """Reports that any image can have: the corpus less those of the patient that has most."""
        return len(self.reports) - self.barred.most


def read_images(parts: Sequence[Path]) -> tuple[list[Stored], np.ndarray, np.ndarray]:
    """The tables (without embeddings), names (object array) and unit vectors float32 (n, d) of all parts of a data set.

    Raises:
        UserError: there is no image, a patch is there twice, or an embedding is not finite.
    """
    stored, matrices = [], []
    for path in parts:
        part = read_table(path, image_embeddings.schema())
        matrices.append(embedding_matrix(part))
        stored.append(replace(part, table=part.table.select(["patch_id"])))
        if not np.isfinite(matrices[-1]).all():
            raise UserError(
                f"{path} holds an embedding that is not finite: set precision: fp32 in its retriever, delete the file "
                "and run snakemake again"
            )
    images = matrices[0] if len(matrices) == 1 else np.concatenate([matrix for matrix in matrices if len(matrix)])
    patch_id = np.array([name for part in stored for name in part.column("patch_id")], dtype=object)
    if not len(patch_id):
        raise UserError(f"{parts[0]} holds no image: check the data set's rejected.parquet")
    if len(set(patch_id)) < len(patch_id):
        raise UserError(f"{parts[0]} (or another part) holds a patch twice: delete the parts and run snakemake again")
    return stored, patch_id, images


def bar(group: Sequence[str | None], patients: Sequence[Sequence[str]]) -> Barred:
    """Bars the reports of a patient for the images of that patient.

    Args:
        group: patient (or slide) of each image.
        patients: of each report; a text that several patients share has several.
    """
    reports_of: dict[str, list[int]] = {}
    for report, names in enumerate(patients):
        for name in set(names):
            reports_of.setdefault(name, []).append(report)
    number = {name: i for i, name in enumerate(sorted({g for g in group if g is not None} & set(reports_of)))}
    keys = sorted(i * len(patients) + report for name, i in number.items() for report in reports_of[name])
    barred = np.array([number.get(g or "", -1) for g in group], np.int64)
    most = max(map(len, reports_of.values()), default=0)
    return Barred(barred, np.array(keys, np.int64), len(patients), most)
