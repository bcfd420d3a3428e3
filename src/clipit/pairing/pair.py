"""The pairing stage: image embeddings and report embeddings in, pairs out."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import image_embeddings, pairs, report_embeddings
from clipit.artifacts.tables import Stored, agree, embedding_matrix, read_table, write_table
from clipit.pairing import methods
from clipit.runtime.progress import Progress

_BLOCK = 8192
"""Images ranked at a time: bounds memory at about block x ranks, whatever the corpus."""


def pair(
    images: Sequence[Path],
    reports: Path,
    out: Path,
    *,
    method: str,
    k: int = 1,
    temperature: float = 0.07,
    seed: int = 0,
    exclude_same_patient: bool = True,
    threads: int = 1,
    origin: Origin,
) -> None:
    """Pairs every image with reports (schema `pairs`), by exact search over the whole corpus; no label is read.

    Args:
        images: the parts of the image embeddings, in order.
        reports: the report embeddings of the same retriever, one chunk a report.
        method: `top1`, `topk` (with `k` and `temperature`) or `random` (with `seed`).

    Raises:
        UserError: images and reports were embedded by different retrievers.
    """
    parts = [read_table(path, image_embeddings.schema()) for path in images]
    corpus = read_table(reports, report_embeddings.schema())
    lineage = agree(*parts, corpus)
    order = np.argsort(np.asarray(corpus.column("report_id")), kind="stable")
    report_ids = np.asarray(corpus.column("report_id"), dtype=object)[order]
    embeddings = np.ascontiguousarray(embedding_matrix(corpus)[order])
    faiss.omp_set_num_threads(threads)
    search = exact_search(embeddings)
    ranks = min(methods.RANKS, len(report_ids))
    known: dict[str, methods.Method] = {
        "top1": methods.top1,
        "topk": partial(methods.topk, k=k, temperature=temperature),
        "random": partial(methods.random, seed=seed),
    }

    tables = []
    total = sum(len(part.table) for part in parts)
    with Progress(f"pair by {method}", total, "images") as progress:
        for patch_ids, block in _blocks(parts):
            ranking = known[method](methods.Block(patch_ids, block, embeddings, search), ranks)
            tables.append(_table(patch_ids, report_ids, ranking))
            progress.advance(len(patch_ids))
    provenance = origin.provenance(
        lineage=lineage, inputs={"reports": reports, **{f"images{i}": p for i, p in enumerate(images)}}
    )
    write_table(out, pa.concat_tables(tables), pairs.SCHEMA, provenance, {"n_reports": len(report_ids)})


def exact_search(embeddings: np.ndarray) -> methods.Search:
    """Exact inner-product search over unit vectors (reports, d); equal cosines are ordered by row."""
    index = faiss.IndexFlatIP(embeddings.shape[1])
    index.add(embeddings)

    def search(images: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        similarity, row = index.search(images, min(k, len(embeddings)))
        order = np.lexsort((row, -similarity), axis=1)
        return np.take_along_axis(similarity, order, 1), np.take_along_axis(row, order, 1)

    return search


def _blocks(parts: Sequence[Stored]) -> Iterator[tuple[list[str], np.ndarray]]:
    for part in parts:
        matrix, patch_ids = embedding_matrix(part), part.column("patch_id")
        for start in range(0, len(patch_ids), _BLOCK):
            yield patch_ids[start : start + _BLOCK], np.ascontiguousarray(matrix[start : start + _BLOCK])


def _table(patch_ids: Sequence[str], report_ids: np.ndarray, ranking: methods.Ranking) -> pa.Table:
    n, ranks = ranking.report.shape
    columns = {
        "patch_id": np.repeat(np.asarray(patch_ids, dtype=object), ranks),
        "rank": np.tile(np.arange(ranks, dtype=np.int16), n),
        "chunk": np.zeros(n * ranks, np.int16),
        "report_id": report_ids[ranking.report].reshape(-1),
        "similarity": ranking.similarity.reshape(-1),
        "score": ranking.score.reshape(-1),
        "weight": ranking.weight.reshape(-1),
    }
    return pa.table(columns, schema=pairs.SCHEMA)
