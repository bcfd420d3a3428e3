"""Embeds the classes of a data set as texts, for zero-shot classification by a retriever."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import labels as labels_schema
from clipit.artifacts.schemas import report_embeddings as embeddings_schema
from clipit.artifacts.tables import embedding_column, read_table, write_table
from clipit.embedding.texts import encode_texts
from clipit.encoders.precision import Precision
from clipit.encoders.retriever import load_retriever, truncate
from clipit.runtime.errors import UserError

TEMPLATE = "an H&E image of {class}"


def embed_class_prompts(
    labels: str | Path,
    out: str | Path,
    *,
    retriever: Mapping[str, Any],
    template: str = TEMPLATE,
    batch: int,
    device: str,
    threads: int,
    precision: Precision,
    origin: Origin,
) -> None:
    """Writes one embedding a class, in the order of the labels; `report_id` is the class's name.

    A class is embedded as `template` with its name for `{class}`, underscores as spaces. The metadata are those of
    report embeddings, and the `template`.

    Args:
        labels: labels.parquet of the data set, whose metadata name its classes.
        out: the table to write.
        retriever: what `load_retriever` takes.
        template: a sentence with `{class}` in it.
        batch: texts at a time.
        device: a torch device.
        threads: torch threads.
        precision: arithmetic of the tower; embeddings are float32 either way.
        origin: who asks.

    Raises:
        UserError: the data set has no classes, or the retriever cannot be loaded.
    """
    torch.set_num_threads(threads)
    table = read_table(labels, labels_schema.SCHEMA)
    classes: list[str] = table.meta["classes"]
    if not classes:
        raise UserError(f"{labels} names no class: an unlabelled data set has nothing to compare its images with")
    prompts = [template.replace("{class}", name.replace("_", " ")) for name in classes]
    encoder = load_retriever(**retriever)
    tokens = encoder.tokenize(prompts)
    read = [truncate(ids, encoder.context_length) for ids in tokens]
    encoder.to(device)
    embeddings = encode_texts(encoder, read, batch=batch, device=device, precision=precision, what="embed classes")
    n_read, n_total = (sum(map(len, texts)) for texts in (read, tokens))
    meta = {
        "tokens_read": n_read / n_total,
        "tokens_total": n_total,
        "policy": "truncate",
        "pooling": "mean",
        "context_length": encoder.context_length,
        "template": template,
    }
    columns = {
        "report_id": classes,
        "chunk": np.zeros(len(classes), dtype=np.int16),
        "start": np.zeros(len(classes), dtype=np.int32),
        "stop": np.array([len(prompt) for prompt in prompts], dtype=np.int32),
        "n_tokens": np.array([len(ids) for ids in read], dtype=np.int16),
        "embedding": embedding_column(embeddings),
    }
    provenance = origin.provenance(lineage={**table.lineage, "retriever": encoder.digest}, inputs={"labels": labels})
    write_table(out, columns, embeddings_schema.schema(encoder.d), provenance, meta)
