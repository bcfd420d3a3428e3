"""Embeds reports by a retriever's text tower."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import report_embeddings as embeddings_schema
from clipit.artifacts.schemas import reports as reports_schema
from clipit.artifacts.tables import embedding_column, read_table, write_table
from clipit.embedding.texts import encode_texts
from clipit.encoders.precision import Precision
from clipit.encoders.retriever import load_retriever, truncate
from clipit.runtime.errors import UserError


def embed_reports(
    reports: str | Path,
    out: str | Path,
    *,
    retriever: Mapping[str, Any],
    batch: int,
    device: str,
    threads: int,
    precision: Precision,
    origin: Origin,
) -> None:
    """Writes one embedding a report, of its first `context_length` tokens: the paper's policy.

    Equal texts are embedded once. The metadata say how much of the corpus was read: `tokens_read` (a share),
    `tokens_total`, `policy` and `context_length`, special tokens counted.

    Args:
        reports: reports.parquet of the corpus.
        out: the table to write.
        retriever: what `load_retriever` takes.
        batch: texts at a time.
        device: a torch device.
        threads: torch threads.
        precision: arithmetic of the tower; embeddings are float32 either way.
        origin: who asks.

    Raises:
        UserError: there is no report, or the retriever cannot be loaded.
    """
    torch.set_num_threads(threads)
    table = read_table(reports, reports_schema.SCHEMA)
    texts = table.column("text")
    if not texts:
        raise UserError(f"{reports} holds no report: check the corpus and its cleaning")
    encoder = load_retriever(**retriever)
    row_of = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    rows = [row_of[text] for text in texts]
    tokens = encoder.tokenize(list(row_of))
    read = [truncate(ids, encoder.context_length) for ids in tokens]
    n_read = np.array([len(ids) for ids in read])[rows]
    n_total = sum(len(tokens[row]) for row in rows)
    encoder.to(device)
    vectors = encode_texts(encoder, read, batch=batch, device=device, precision=precision, what="embed reports")
    meta = {
        "tokens_read": int(n_read.sum()) / n_total,
        "tokens_total": n_total,
        "policy": "truncate",
        "pooling": "mean",
        "context_length": encoder.context_length,
    }
    columns = {
        "report_id": table.column("report_id"),
        "chunk": np.zeros(len(rows), dtype=np.int16),
        "start": np.zeros(len(rows), dtype=np.int32),
        "stop": np.array([len(text) for text in texts], dtype=np.int32),
        "n_tokens": n_read.astype(np.int16),
        "embedding": embedding_column(vectors[rows]),
    }
    provenance = origin.provenance(lineage={**table.lineage, "retriever": encoder.digest}, inputs={"reports": reports})
    write_table(out, columns, embeddings_schema.schema(encoder.d), provenance, meta)
