"""Embeds reports by a retriever's text tower: their beginnings, or all of them in chunks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import report_embeddings as embeddings_schema
from clipit.artifacts.schemas import reports as reports_schema
from clipit.artifacts.tables import embedding_column, read_table, write_table
from clipit.embedding.texts import encode_texts
from clipit.embedding.timing import Stopwatch
from clipit.encoders.chunking import Counter, Span, beginning, cut
from clipit.encoders.precision import Precision, resolve_precision
from clipit.encoders.retriever import Retriever, load_retriever, truncate
from clipit.runtime.errors import UserError
from clipit.sources.report_sections import split_sections

_MOST_CHUNKS = 32_767  # of a report: the column is int16


@dataclass(frozen=True)
class _Reading:
    """What is read of a corpus: one row a chunk.

    Attributes:
        report: row of the corpus, of each chunk.
        chunk: its number in the report.
        span: where it stands in the report's text.
        tokens: its token ids, at most `context_length`.
        share: of all tokens of the corpus, how many are read.
        total: tokens of the corpus.
    """

    report: list[int]
    chunk: list[int]
    span: list[Span]
    tokens: list[list[int]]
    share: float
    total: int


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
    `tokens_total`, `policy`, `pooling`, `context_length`, special tokens counted under `truncate`.

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
        texts = table.column("text")
    if not texts:
        raise UserError(f"{reports} holds no report: check the corpus and its cleaning")
    with watch("load"):
        encoder = load_retriever(**retriever).to(device)
    with watch("transform"):
        reading = _read(texts, encoder, text)
    row_of = {ids: row for row, ids in enumerate(dict.fromkeys(map(tuple, reading.tokens)))}
    with watch("infer"):
        distinct = encode_texts(
            encoder, list(row_of), batch=batch, device=device, precision=precision, what="embed reports"
        )
    vectors = distinct[[row_of[tuple(ids)] for ids in reading.tokens]]
    arithmetic = resolve_precision(precision, device)
    meta = {
        "tokens_read": reading.share,
        "tokens_total": reading.total,
        "policy": text["policy"],
        "pooling": text["pooling"],
        "context_length": encoder.context_length,
        "precision": arithmetic,
    }
    columns = {
        "report_id": [table.column("report_id")[row] for row in reading.report],
        "chunk": np.array(reading.chunk, dtype=np.int16),
        "start": np.array([start for start, _ in reading.span], dtype=np.int32),
        "stop": np.array([stop for _, stop in reading.span], dtype=np.int32),
        "n_tokens": np.array([len(ids) for ids in reading.tokens], dtype=np.int16),
        "embedding": embedding_column(vectors),
    }
    provenance = origin.provenance(lineage={**table.lineage, "retriever": encoder.digest}, inputs={"reports": reports})
    with watch("write"):
        write_table(out, columns, embeddings_schema.schema(encoder.d), provenance, meta)
    run = {"items": len(row_of), "unit": "texts", "batch": batch, "device": device, "precision": arithmetic}
    watch.write(timing, run, provenance)


def _read(texts: Sequence[str], retriever: Retriever, text: Mapping[str, Any]) -> _Reading:
    read = [_stretches(each, text["sections"]) for each in texts]
    return (
        _read_chunks(texts, read, retriever, text["overlap"])
        if text["policy"] == "chunks"
        else _read_beginnings(texts, read, retriever)
    )


def _stretches(text: str, sections: Sequence[str]) -> list[Span]:
    """The stretches of `text` that are sections of these names; all of it if it has none of them, or none are named."""
    spans, at = [], 0
    for section in split_sections(text) if sections else []:
        if section.name.partition("-")[0] in sections:
            spans.append((at, at + len(section.text)))
        at += len(section.text)
    return spans or [(0, len(text))]


def _read_beginnings(texts: Sequence[str], read: Sequence[Sequence[Span]], retriever: Retriever) -> _Reading:
    wanted = [" ".join(text[start:stop] for start, stop in spans) for text, spans in zip(texts, read, strict=True)]
    place = {text: i for i, text in enumerate(dict.fromkeys(wanted))}
    ids = retriever.tokenize(list(place))
    kept = [truncate(each, retriever.context_length) for each in ids]
    rows = [place[text] for text in wanted]
    cut_short = [len(kept[row]) < len(ids[row]) for row in rows]
    count = Counter(retriever.tokenize, [text for text, short in zip(texts, cut_short, strict=True) if short])
    stop = [
        beginning(text, count, retriever.context_length, spans) if short else spans[-1][1]
        for text, spans, short in zip(texts, read, cut_short, strict=True)
    ]
    total = sum(len(ids[row]) for row in rows)
    return _Reading(
        report=list(range(len(texts))),
        chunk=[0] * len(texts),
        span=[(spans[0][0], end) for spans, end in zip(read, stop, strict=True)],
        tokens=[kept[row] for row in rows],
        share=sum(len(kept[row]) for row in rows) / total,
        total=total,
    )


def _read_chunks(texts: Sequence[str], read: Sequence[Sequence[Span]], retriever: Retriever, overlap: int) -> _Reading:
    chunks = cut(texts, retriever.tokenize, retriever.context_length, overlap=overlap, read=read)
    if (longest := max(map(len, chunks))) > _MOST_CHUNKS:
        raise UserError(f"a report has {longest:,} chunks, {_MOST_CHUNKS:,} at most: split or leave out that text")
    report = [i for i, spans in enumerate(chunks) for _ in spans]
    span = [each for spans in chunks for each in spans]
    place = {
        text: i for i, text in enumerate(dict.fromkeys(texts[i][a:b] for i, (a, b) in zip(report, span, strict=True)))
    }
    ids = [truncate(each, retriever.context_length) for each in retriever.tokenize(list(place))]
    count = Counter(retriever.tokenize, texts)
    total = sum(count(word) for text in texts for word in text.split())
    covered = sum(
        count(word) for text, spans in zip(texts, read, strict=True) for a, b in spans for word in text[a:b].split()
    )
    return _Reading(
        report=report,
        chunk=[number for spans in chunks for number in range(len(spans))],
        span=span,
        tokens=[ids[place[texts[i][a:b]]] for i, (a, b) in zip(report, span, strict=True)],
        share=covered / total,
        total=total,
    )
