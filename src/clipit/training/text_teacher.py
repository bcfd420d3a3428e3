"""The teacher where its text tower is adapted too: adapters and h_t learn the labels together, then both are frozen."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from torch import nn

from clipit.artifacts.provenance import Origin
from clipit.artifacts.report_vectors import read_report_vectors
from clipit.artifacts.schemas import report_embeddings as report_schema
from clipit.artifacts.tables import agree, embedding_column, write_table
from clipit.encoders.retriever import load_retriever
from clipit.models.heads import TextHead
from clipit.runtime.progress import Progress
from clipit.training.examples import Examples, read_examples
from clipit.training.head_fit import HeadFit, batches_of, finite, validation_cost
from clipit.training.label_fraction import keep_labels
from clipit.training.optimisers import optimiser_of, schedule_of
from clipit.training.student_data import steps_of
from clipit.training.targets import read_mixture
from clipit.training.teacher import write_teacher
from clipit.training.text_targets import TextTargets, read_tokens

_ROUNDS = 5


def train_text_teacher(
    files: Mapping[str, Path],
    *,
    retriever: Mapping[str, Any],
    teacher: Path,
    scores: Path,
    predictions: Path,
    embeddings: Path,
    settings: Mapping[str, Any],
    fraction: float = 1.0,
    device: str,
    threads: int,
    origin: Origin,
) -> None:
    """Trains low-rank adapters on the text tower with h_t by the cross-entropy of labelled train patches' reports.

    Args:
        files: `pairs`, `report_embeddings`, `reports`, `patches`, `splits`, `labels`.
        retriever: what `load_retriever` takes.
        teacher, scores, predictions: as `train_teacher` writes them.
        embeddings: table to write: the corpus by the adapted tower, as `report_embeddings` has it. Students distil
            these.
        settings: as `train_teacher` takes them, and `text_lora` (`r`, `alpha`, `dropout`, `linear`, `modules`).
        fraction: share of the labels that is known.
        device: a torch device.
        threads: torch threads.
        origin: who asks; its seed is the source of all randomness.

    Raises:
        UserError: the inputs do not belong together, or leave a class without train labels or no val labels.
    """
    torch.set_num_threads(threads)
    seed = origin.seed or 0
    torch.manual_seed(seed)
    examples = keep_labels(read_examples(files["patches"], files["splits"], files["labels"]), fraction, seed)
    vectors, loaded = read_report_vectors(files["report_embeddings"]), load_retriever(**retriever).to(device)
    tokens, reports = read_tokens(files["reports"], vectors, loaded)
    mixture = read_mixture(files["pairs"], vectors, settings["rank"])
    lineage = agree(vectors.stored, reports, mixture.stored, *examples.stored)
    targets = TextTargets(
        loaded, tokens, vectors, mixture, examples.patch_id, lora=settings["text_lora"], everything=False, seed=seed
    ).to(device)
    sizes = {
        "d": vectors.chunks.shape[1],
        "n_classes": len(examples.classes),
        "hidden": settings["hidden"],
        "normalise": True,
    }
    head = TextHead(**sizes).to(device)
    fit = _fit(targets, head, examples, settings["head"], seed)
    provenance = origin.provenance(lineage=lineage, inputs=files)
    with torch.no_grad():
        logits = fit.head.cpu()(targets.of_many(torch.from_numpy(examples.labelled("val"))))
    write_teacher(teacher, scores, predictions, fit, sizes, logits, examples, provenance)
    rows = vectors.stored.table.take(pa.array(vectors.order))
    rows = rows.set_column(
        rows.schema.get_field_index("embedding"), "embedding", embedding_column(targets.encode_all().numpy())
    )
    write_table(embeddings, rows, report_schema.schema(sizes["d"]), provenance, vectors.stored.meta)


def _fit(targets: TextTargets, head: TextHead, examples: Examples, settings: Mapping[str, Any], seed: int) -> HeadFit:
    """Trains both; the round that is best on validation (`select`) counts, and its weights are put back."""
    train, val = examples.labelled("train"), examples.labelled("val")
    label = torch.from_numpy(examples.label)
    device = next(head.parameters()).device
    steps = settings["steps"] or steps_of(settings["epochs"], settings["batch"], len(train))
    parts = nn.ModuleDict({"head": head, "text": targets})
    weights = [weight for weight in parts.parameters() if weight.requires_grad]
    optimiser = optimiser_of(weights, settings)
    schedule = schedule_of(optimiser, settings, steps=steps, epoch=steps_of(1, settings["batch"], len(train)))
    batches = batches_of(len(train), settings["batch"], np.random.default_rng(seed))
    borders = {-(-steps * i // _ROUNDS) for i in range(1, _ROUNDS + 1)}
    best, lowest, chosen_at = [weight.detach().clone() for weight in weights], float("inf"), 0
    chosen_loss = float("inf")
    with Progress("text teacher", steps, "steps") as progress:
        for step, chosen in enumerate(itertools.islice(batches, steps), start=1):
            parts.train()
            rows = torch.from_numpy(train[chosen.numpy()])
            loss = F.cross_entropy(head(targets(rows)), label[rows].to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if step in borders:
                with torch.no_grad():
                    said = head(targets.of_many(torch.from_numpy(val)).to(device)).cpu()
                val_loss = float(F.cross_entropy(said, label[val]))
                cost = validation_cost(settings["select"], val_loss, said, label[val])
                if cost < lowest:
                    best, lowest, chosen_at = [weight.detach().clone() for weight in weights], cost, step
                    chosen_loss = val_loss
            progress.advance(loss=float(loss.detach()))
    with torch.no_grad():
        for weight, kept in zip(weights, best, strict=True):
            weight.copy_(kept)
    return finite(HeadFit(head, chosen_at, chosen_loss), "text teacher")
