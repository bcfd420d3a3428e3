"""Embeds reports by a retriever's text tower: their beginnings, or all of them in chunks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import reports as reports_schema
from clipit.artifacts.tables import read_table
from clipit.embedding.reading import read_texts
from clipit.embedding.texts import encode_texts, reading_facts, write_texts
from clipit.embedding.timing import Stopwatch
from clipit.encoders.precision import Precision
from clipit.encoders.retriever import load_retriever
from clipit.runtime.errors import UserError


def embed_reports(
    reports: str | Path,
    out: str | Path,
    timing: str | Path,
    *,
    retriever: Mapping[str, Any],
    text: Mapping[str, Any],
    batch: int,
    device: str,
    threads: int,
    precision: Precision,
    origin: Origin,
) -> None:
    """Writes the embeddings of every report, a row a chunk; under `truncate` (the paper's policy) a report is one.

    Equal chunks are embedded once. The metadata say how much of the corpus was read: `tokens_read` (a share),
    `tokens_total`, `policy`, `pooling`, `context_length`; special tokens are counted under `truncate`.

    Args:
        reports: reports.parquet of the corpus.
        out: the table to write.
        timing: JSON to write: seconds of each step.
        retriever: what `load_retriever` takes.
        text: `policy`, `pooling`, `overlap` and `sections`, as config.encoders.Text has them.
        batch: texts at a time.
        device: a torch device.
        threads: torch threads.
        precision: arithmetic of the tower; embeddings are float32 either way.
        origin: who asks.

    Raises:
        UserError: there is no report, or the retriever cannot be loaded.
    """
    torch.set_num_threads(threads)
    watch = Stopwatch()
    with watch("read"):
        table = read_table(reports, reports_schema.SCHEMA)
        names, texts = table.column("report_id"), table.column("text")
    if not texts:
        raise UserError(f"{reports} holds no report: check the corpus and its cleaning")
    with watch("load"):
        encoder = load_retriever(**retriever).to(device)
    with watch("transform"):
        reading = read_texts(texts, encoder, text)
    arithmetic: dict[str, Any] = {"device": device, "precision": precision}
    with watch("infer"):
        vectors = encode_texts(encoder, reading.tokens, batch=batch, **arithmetic, what="embed reports")
    facts = reading_facts(reading, encoder, policy=text["policy"], pooling=text["pooling"], **arithmetic)
    provenance = origin.provenance(lineage={**table.lineage, "retriever": encoder.digest}, inputs={"reports": reports})
    with watch("write"):
        write_texts(out, names, reading, vectors, provenance, facts)
    run = {"items": len(set(map(tuple, reading.tokens))), "unit": "texts", "batch": batch, "device": device}
    watch.write(timing, run | {"precision": facts["precision"]}, provenance)
