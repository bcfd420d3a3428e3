"""The pairing stage: image embeddings and report embeddings in, pairs out."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa

from clipit.artifacts.provenance import Origin
from clipit.artifacts.report_vectors import ReportVectors, read_report_vectors
from clipit.artifacts.schemas import image_truth, patches, report_truth, splits
from clipit.artifacts.schemas import pairs as pairs_schema
from clipit.artifacts.schemas import reports as reports_schema
from clipit.artifacts.tables import Stored, agree, read_table, write_table
from clipit.pairing.methods import METHODS
from clipit.pairing.problem import Problem, Ranking, bar, read_images
from clipit.pairing.search import Barred
from clipit.pairing.similarity import similarities
from clipit.runtime.errors import UserError
from clipit.statistics.pairings import RANKS

_SCHEMAS = {
    "patches": patches.SCHEMA,
    "corpus": reports_schema.SCHEMA,
    "splits": splits.SCHEMA,
    "image_truth": image_truth.SCHEMA,
    "report_truth": report_truth.SCHEMA,
}
"""Of the tables that a method may look at besides the embeddings. Labels are not among them."""


def pair(
    images: Sequence[Path],
    reports: Path,
    out: Path,
    *,
    method: str,
    settings: Mapping[str, Any],
    k: int = 1,
    temperature: float = 0.07,
    files: Mapping[str, Path] | None = None,
    threads: int = 1,
    device: str = "cpu",
    origin: Origin,
) -> None:
    """Pairs every image with reports (schema `pairs`), by exact search over the whole corpus; no label is read.

    Args:
        images: the parts of the image embeddings, in order.
        reports: the report embeddings of the same retriever.
        method: one of `METHODS`.
        settings: the method's own.
        k: reports that make up an image's target.
        temperature: of the softmax over the cosines of the k reports, which weighs them.
        files: what a method looks at besides: `patches` and `corpus` (reports.parquet), which name patients, to keep a
            patient's reports from its images; `splits`; the phantom's `image_truth` and `report_truth`.
        threads: of faiss.
        device: `cuda` searches on a GPU if faiss has one.

    Raises:
        UserError: images and reports were embedded by different retrievers, an embedding is not finite, the corpus
            is too small, or there is no train image.
    """
    faiss.omp_set_num_threads(threads)
    parts, patch_id, embeddings = read_images(images)
    corpus = read_report_vectors(reports)
    tables = {name: read_table(path, _SCHEMAS[name]) for name, path in (files or {}).items()}
    lineage = agree(*parts, corpus.stored, *tables.values())
    barred = _barred(tables, patch_id, corpus)
    problem = Problem(
        patch_id,
        embeddings,
        _splits(tables["splits"], patch_id) if "splits" in tables else None,
        corpus,
        barred,
        min(RANKS, len(corpus) - barred.most),
        device,
        _findings(tables, patch_id, corpus) if "image_truth" in tables else None,
    )
    _check_size(reports, problem, k)
    ranking = METHODS[method](problem, **settings)
    inputs = {"reports": reports, **{f"images{i}": path for i, path in enumerate(images)}}
    provenance = origin.provenance(lineage=lineage, inputs=inputs | dict(files or {}))
    write_table(out, _table(problem, ranking, k, temperature), pairs_schema.SCHEMA, provenance, _meta(corpus))


def _check_size(path: Path, problem: Problem, k: int) -> None:
    n, most = len(problem.reports), problem.barred.most
    if n < 2:
        raise UserError(f"{path} holds one report, which would be every image's: add reports, or choose another corpus")
    if problem.ranks < 1:
        raise UserError(
            f"{path}: all {n} reports are of one patient, whose images can have none: add reports, or set "
            "exclude_same_patient: false in this pairing"
        )
    if k > n - most:
        less = f", {most} of one patient" if most else ""
        raise UserError(f"k = {k} reports an image are asked for, {path} holds {n}{less}: lower k in this pairing")


def _meta(corpus: ReportVectors) -> dict[str, Any]:
    return {"n_reports": len(corpus), "pooling": corpus.pooling}


def _barred(tables: Mapping[str, Stored], patch_id: np.ndarray, corpus: ReportVectors) -> Barred:
    """Nothing, where no table names patients."""
    if "patches" not in tables:
        return bar([None] * len(patch_id), [()] * len(corpus))
    group = _by(tables["patches"], "patch_id", "group")
    patient = _by(tables["corpus"], "report_id", "patient")
    of_folded = tables["corpus"].meta.get("patients_of_folded", {})
    patients = [of_folded.get(r) or ([patient[r]] if patient[r] else []) for r in corpus.report_id]
    groups = [group[name] for name in patch_id]
    barred = bar(groups, patients)
    _tell(barred, named=any(patients) and any(groups))
    return barred


def _tell(barred: Barred, *, named: bool) -> None:
    """Says what is kept apart, and that names which should meet may be spelt in two ways; numbers alone, no name."""
    reports, images = barred.counts()
    if images:
        print(f"{reports:,} reports are of patients of {images:,} images, and never meet those", file=sys.stderr)
    elif named:
        print(
            "reports name patients and images name groups, but never the same one, so no report is kept from an image: "
            "where they share patients, spell their names alike",
            file=sys.stderr,
        )


def _splits(table: Stored, patch_id: np.ndarray) -> np.ndarray:
    split = _by(table, "patch_id", "split")
    return np.array([split[name] for name in patch_id], dtype=object)


def _findings(
    tables: Mapping[str, Stored], patch_id: np.ndarray, corpus: ReportVectors
) -> tuple[np.ndarray, np.ndarray]:
    of_image = _by(tables["image_truth"], "patch_id", "finding")
    of_report = _by(tables["report_truth"], "report_id", "finding")
    return np.array([of_image[p] for p in patch_id]), np.array([of_report[r] for r in corpus.report_id])


def _by(table: Stored, key: str, value: str) -> dict[str, Any]:
    return dict(zip(table.column(key), table.column(value), strict=True))


def _table(problem: Problem, ranking: Ranking, k: int, temperature: float) -> pa.Table:
    n, ranks = ranking.report.shape
    similarity, chunk = similarities(problem, ranking.report)
    weight = np.zeros((n, ranks), np.float32)
    weight[:, :k] = _softmax(similarity[:, :k] / temperature)
    patch_id = pa.array(problem.patch_id, pa.string()).take(pa.array(np.repeat(np.arange(n), ranks)))
    columns = {
        "patch_id": patch_id,
        "rank": np.tile(np.arange(ranks, dtype=np.int16), n),
        "report_id": pa.array(problem.reports.report_id, pa.string()).take(pa.array(ranking.report.reshape(-1))),
        "chunk": chunk.reshape(-1),
        "similarity": similarity.reshape(-1),
        "score": ranking.score.reshape(-1),
        "weight": weight.reshape(-1),
    }
    return pa.table(columns, schema=pairs_schema.SCHEMA)


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return softmax
