"""Embeds patches by a retriever's image tower."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clipit.artifacts.patch_layout import part_rows
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import image_embeddings as embeddings_schema
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.tables import embedding_column, read_table, write_table
from clipit.encoders.precision import Precision, inference
from clipit.encoders.retriever import Retriever, load_retriever
from clipit.runtime.progress import Progress


def embed_images(
    store: str | Path,
    patches: str | Path,
    out: str | Path,
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
        out: the table to write.
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
    table = read_table(patches, patches_schema.SCHEMA)
    opened = PatchStore(store)
    here = part_rows(len(opened), opened.size, part, parts)
    listed = zip(table.column("index"), table.column("patch_id"), strict=True)
    patch_of = {row: patch for row, patch in listed if row in here}
    encoder = load_retriever(**retriever)
    lineage = {**table.lineage, "retriever": encoder.digest}
    embeddings = _encode(encoder.to(device), opened, list(patch_of), batch, device, precision)
    write_table(
        out,
        {"patch_id": list(patch_of.values()), "embedding": embedding_column(embeddings)},
        embeddings_schema.schema(encoder.d),
        origin.provenance(lineage=lineage, inputs={"patches": patches}),
    )


def _encode(
    retriever: Retriever, store: PatchStore, rows: Sequence[int], batch: int, device: str, precision: Precision
) -> np.ndarray:
    """Unit vectors float32 (rows, d) of the patches at `rows`."""
    embeddings = np.empty((len(rows), retriever.d), dtype=np.float32)
    with Progress("embed images", len(rows), "patches") as progress, inference(device, precision):
        for start in range(0, len(rows), batch):
            block = torch.from_numpy(store.batch(rows[start : start + batch])).to(device)
            images = retriever.transform(block).contiguous(memory_format=torch.channels_last)
            embeddings[start : start + batch] = retriever.encode_images(images).cpu().numpy()
            progress.advance(len(block))
    return embeddings
