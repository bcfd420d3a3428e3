"""Data sets and pairings as files, from plain lists: what looks at pairs is tested on answers known by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import image_truth, labels, pairs, patches, report_embeddings, report_truth, splits
from clipit.artifacts.tables import embedding_column, write_table

CLASSES = ["glands", "tumour", "stroma"]
ORIGIN = Origin("test")
BY_PATCHES = ORIGIN.provenance(lineage={"patches": "p"})


@dataclass(frozen=True)
class DataSet:
    """Paths of a written data set, whose patches are p0000, p0001, …"""

    folder: Path
    n: int

    @property
    def patch_id(self) -> list[str]:
        return [f"p{i:04d}" for i in range(self.n)]

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    @property
    def tables(self) -> dict[str, Path]:
        return {name: self.file(name) for name in ("labels", "patches", "splits")}


def write_data_set(
    folder: Path,
    *,
    label: Sequence[int | None],
    split: Sequence[str] | None = None,
    group: Sequence[str | None] | None = None,
    classes: Sequence[str] = CLASSES,
) -> DataSet:
    """Writes labels, patches and splits; without `split` all patches are train, without `group` no patient is known."""
    written = DataSet(folder, len(label))
    names, n = written.patch_id, written.n
    rows = {"index": range(n), "patch_id": names, "source": names, "group": group or [None] * n, "x": [0] * n,
            "y": [0] * n, "width": [0] * n, "mpp": [None] * n, "sha256": names}  # fmt: skip
    write_table(written.file("patches"), rows, patches.SCHEMA, BY_PATCHES)
    rows = {"patch_id": names, "label": list(label)}
    write_table(written.file("labels"), rows, labels.SCHEMA, BY_PATCHES, {"classes": list(classes)})
    rows = {"patch_id": names, "split": list(split or ["train"] * n)}
    write_table(written.file("splits"), rows, splits.SCHEMA, BY_PATCHES)
    return written


def write_pairs(
    path: Path,
    report: np.ndarray,
    n_reports: int,
    *,
    similarity: Sequence[float] | None = None,
    retriever: str = "clip",
) -> Path:
    """Writes pairs from codes of reports, int (n, ranks), best first; -1 leaves a rank out. Report 3 is r003."""
    n, ranks = report.shape
    kept = report.reshape(-1) >= 0
    cosine = np.repeat(np.asarray(similarity if similarity is not None else np.ones(n), np.float32), ranks)
    rank = np.tile(np.arange(ranks, dtype=np.int16), n)
    columns = {
        "patch_id": np.repeat([f"p{i:04d}" for i in range(n)], ranks)[kept].tolist(),
        "rank": rank[kept],
        "report_id": [f"r{code:03d}" for code in report.reshape(-1)[kept]],
        "chunk": np.zeros(kept.sum(), np.int16),
        "similarity": cosine[kept],
        "score": cosine[kept],
        "weight": (rank == 0).astype(np.float32)[kept],
    }
    provenance = ORIGIN.provenance(lineage={"patches": "p", "reports": "r", "retriever": retriever})
    write_table(path, columns, pairs.SCHEMA, provenance, {"n_reports": n_reports})
    return path


def write_truth(folder: Path, *, of_image: Sequence[int], of_report: Sequence[int]) -> dict[str, Path]:
    """Writes the phantom's truth from findings, two of which make a class."""
    files = {name: folder / f"{name}.parquet" for name in ("image_truth", "report_truth")}
    rows = {"patch_id": [f"p{i:04d}" for i in range(len(of_image))], "finding": list(of_image),
            "label": [finding // 2 for finding in of_image]}  # fmt: skip
    write_table(files["image_truth"], rows, image_truth.SCHEMA, BY_PATCHES)
    rows = {"report_id": [f"r{i:03d}" for i in range(len(of_report))], "finding": list(of_report),
            "label": [finding // 2 for finding in of_report], "telling_word": [0] * len(of_report)}  # fmt: skip
    write_table(files["report_truth"], rows, report_truth.SCHEMA, ORIGIN.provenance())
    return files


def write_report_embeddings(
    path: Path,
    names: Sequence[str],
    vectors: np.ndarray,
    *,
    tokens_read: float = 1.0,
    retriever: str = "clip",
    lineage: str = "reports",
) -> Path:
    """Writes one chunk a report (a class, with `lineage` "patches"), from vectors float32 (n, d)."""
    n = len(names)
    columns = {
        "report_id": list(names),
        "chunk": np.zeros(n, np.int16),
        "start": np.zeros(n, np.int32),
        "stop": np.ones(n, np.int32),
        "n_tokens": np.ones(n, np.int16),
        "embedding": embedding_column(vectors.astype(np.float32)),
    }
    provenance = ORIGIN.provenance(lineage={lineage: lineage[0], "retriever": retriever})
    meta = {"tokens_read": tokens_read, "tokens_total": n, "policy": "truncate", "pooling": "mean"}
    write_table(path, columns, report_embeddings.schema(vectors.shape[1]), provenance, meta)
    return path
