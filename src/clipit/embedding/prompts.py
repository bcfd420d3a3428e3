"""Embeds the classes of a data set as texts, for zero-shot classification by a retriever."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import labels as labels_schema
from clipit.artifacts.tables import read_table
from clipit.embedding.reading import read_beginnings
from clipit.embedding.texts import encode_texts, reading_facts, write_texts
from clipit.encoders.class_prompts import TEMPLATE, class_prompts
from clipit.encoders.precision import Precision
from clipit.encoders.retriever import load_retriever
from clipit.runtime.errors import UserError


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
    encoder = load_retriever(**retriever)
    reading = read_beginnings(class_prompts(classes, template), encoder)
    encoder.to(device)
    arithmetic: dict[str, Any] = {"device": device, "precision": precision}
    vectors = encode_texts(encoder, reading.tokens, batch=batch, **arithmetic, what="embed classes")
    facts = reading_facts(reading, encoder, policy="truncate", pooling="mean", **arithmetic) | {"template": template}
    provenance = origin.provenance(lineage={**table.lineage, "retriever": encoder.digest}, inputs={"labels": labels})
    write_texts(out, classes, reading, vectors, provenance, facts)
