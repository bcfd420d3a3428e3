"""What was read of texts through a retriever's text tower, and the table of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.schemas import report_embeddings
from clipit.artifacts.tables import embedding_column, write_table
from clipit.embedding.reading import Reading
from clipit.encoders.precision import Precision, inference, resolve_precision
from clipit.encoders.retriever import Retriever
from clipit.runtime.progress import Progress


def encode_texts(
    retriever: Retriever,
    tokens: Sequence[Sequence[int]],
    *,
    batch: int,
    device: str,
    precision: Precision,
    what: str,
) -> np.ndarray:
    """Unit vectors float32 (texts, d) of token ids, at most `context_length` a text; equal ones are computed once.

    Texts of like length share a batch, so that little padding is computed. `what` names the work to the reader of the
    log.
    """
    row_of = {ids: row for row, ids in enumerate(dict.fromkeys(map(tuple, tokens)))}
    distinct = list(row_of)
    embeddings = np.empty((len(distinct), retriever.d), dtype=np.float32)
    order = sorted(range(len(distinct)), key=lambda row: len(distinct[row]))
    with Progress(what, len(order), "texts") as progress, inference(device, precision):
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            embeddings[rows] = retriever.encode_texts([distinct[row] for row in rows]).cpu().numpy()
            progress.advance(len(rows))
    return embeddings[[row_of[tuple(ids)] for ids in tokens]]


def write_texts(
    out: str | Path,
    names: Sequence[str],
    reading: Reading,
    vectors: np.ndarray,
    provenance: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> None:
    """Writes a table of the schema `report_embeddings`, a row a chunk; `names` are those of the texts."""
    columns = {
        "report_id": [names[row] for row in reading.text],
        "chunk": np.array(reading.chunk, dtype=np.int16),
        "start": np.array([start for start, _ in reading.span], dtype=np.int32),
        "stop": np.array([stop for _, stop in reading.span], dtype=np.int32),
        "n_tokens": np.array([len(ids) for ids in reading.tokens], dtype=np.int16),
        "embedding": embedding_column(vectors),
    }
    write_table(out, columns, report_embeddings.schema(vectors.shape[1]), provenance, facts)


def reading_facts(
    reading: Reading, retriever: Retriever, *, policy: str, pooling: str, precision: Precision, device: str
) -> dict[str, Any]:
    """The metadata of such a table: how much of the texts was read, and how."""
    return {
        "tokens_read": reading.share,
        "tokens_total": reading.total,
        "policy": policy,
        "pooling": pooling,
        "context_length": retriever.context_length,
        "precision": resolve_precision(precision, device),
    }
