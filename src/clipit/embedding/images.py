"""Embeds patches by a retriever's image tower."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clipit.artifacts.patch_layout import part_rows
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import image_embeddings as embeddings_schema
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.table_writer import TableWriter
from clipit.artifacts.tables import embedding_column, read_table
from clipit.embedding.timing import Stopwatch
from clipit.encoders.precision import Precision, inference, resolve_precision
from clipit.encoders.retriever import Retriever, load_retriever
from clipit.encoders.slices import image_slices
from clipit.runtime.progress import Progress


def embed_images(
    store: str | Path,
    patches: str | Path,
    out: str | Path,
    timing: str | Path,
    *,
    retriever: Mapping[str, Any],
    part: int,
    parts: int,
    batch: int,
    device: str,
    threads: int,
    precision: Precision,
    origin: Origin,
) -> None:
    """Writes the embeddings of one part of a data set, in the store's order; a part may be empty.

    Args:
        store: the patch store.
        patches: patches.parquet of the store; patches that it does not list are not embedded.
        out: the table to write, as the embeddings come.
        timing: JSON to write: seconds of each step; reading and writing run beside the others.
        retriever: what `load_retriever` takes.
        part: which part, from 0, of the store's shards.
        parts: how many parts there are.
        batch: patches at a time.
        device: a torch device.
        threads: torch threads.
        precision: arithmetic of the tower; embeddings are float32 either way.
        origin: who asks.

    Raises:
        UserError: an input is missing, or the retriever cannot be loaded.
    """
    torch.set_num_threads(threads)
    watch = Stopwatch()
    table = read_table(patches, patches_schema.SCHEMA)
    opened = PatchStore(store)
    here = part_rows(len(opened), opened.size, part, parts)
    listed = zip(table.column("index"), table.column("patch_id"), strict=True)
    patch_of = {row: patch for row, patch in listed if row in here}
    with watch("load"):
        encoder = load_retriever(**retriever).to(device)
    lineage = {**table.lineage, "retriever": encoder.digest}
    provenance = origin.provenance(lineage=lineage, inputs={"patches": patches})
    arithmetic = resolve_precision(precision, device)
    schema = embeddings_schema.schema(encoder.d)
    with TableWriter(out, schema, provenance, {"precision": arithmetic}) as writer:
        _embed(encoder, opened, patch_of, writer, batch, device, arithmetic, watch)
    run = {"items": len(patch_of), "unit": "patches", "batch": batch, "device": device, "precision": arithmetic}
    watch.write(timing, run, provenance)


def _embed(
    retriever: Retriever,
    store: PatchStore,
    patch_of: Mapping[int, str],
    out: TableWriter,
    batch: int,
    device: str,
    precision: Precision,
    watch: Stopwatch,
) -> None:
    """Reads, embeds and writes the patches `patch_of` (row -> name), three batches at a time, one in each step."""
    rows, names = list(patch_of), list(patch_of.values())

    def read(start: int) -> torch.Tensor:
        with watch("read"):
            return torch.from_numpy(store.batch(rows[start : start + batch]))

    def write(start: int, vectors: np.ndarray) -> None:
        with watch("write"):
            column = embedding_column(vectors)
            out.append({"patch_id": names[start : start + len(vectors)], "embedding": column})

    starts = range(0, len(rows), batch)
    with (
        Progress("embed images", len(rows), "patches") as progress,
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(1) as writer,
        inference(device, precision),
    ):
        ahead = reader.submit(read, 0) if rows else None
        behind: Future[None] | None = None
        for start in starts:
            assert ahead is not None
            block = ahead.result()
            ahead = reader.submit(read, start + batch)
            vectors = np.empty((len(block), retriever.d), np.float32)
            for part in image_slices(len(block), retriever.transform.size, device):
                with watch("transform"):
                    images = retriever.transform(block[part].to(device)).contiguous(memory_format=torch.channels_last)
                    _finished(device)
                with watch("infer"):
                    vectors[part] = retriever.encode_images(images).cpu().numpy()
            if behind is not None:
                behind.result()
            behind = writer.submit(write, start, vectors)
            progress.advance(len(block))
        if behind is not None:
            behind.result()


def _finished(device: str) -> None:
    """Waits for what was handed to a GPU, so that its time is counted where it is spent."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
