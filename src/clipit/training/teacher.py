"""The teacher: the text head h_t, trained on the targets of labelled patches (docs/architecture.md, step 2)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import agree, write_json
from clipit.models.heads import TextHead
from clipit.models.tensor_file import write_tensors
from clipit.statistics.metrics import accuracy_of, balanced_accuracy_of
from clipit.training.examples import Examples, read_examples
from clipit.training.head_fit import HeadFit, Labelled, fit_head
from clipit.training.label_fraction import keep_labels
from clipit.training.predictions import write_predictions
from clipit.training.protocol import PROTOCOLS
from clipit.training.targets import read_targets


def train_teacher(
    targets: Mapping[str, Path | Sequence[Path]],
    patches: Path,
    splits: Path,
    labels: Path,
    *,
    teacher: Path,
    scores: Path,
    predictions: Path,
    settings: Mapping[str, Any],
    fraction: float = 1.0,
    threads: int,
    origin: Origin,
) -> None:
    """Fits h_t to the targets of labelled train patches; the retriever stays frozen.

    Args:
        targets: what `read_targets` takes.
        patches: patches.parquet.
        splits: splits.parquet.
        labels: labels.parquet.
        teacher: safetensors file to write: the state of a `TextHead`; its sizes stand in the metadata.
        scores: JSON to write: how well the targets alone tell the classes of the val patches.
        predictions: table to write: what the teacher says of the labelled val patches, and of no others.
        settings: `head` (as config.training.Head has it), `hidden` units of h_t, `protocol`, `kd_target`, `rank`.
        fraction: share of the labels that is known.
        threads: torch threads.
        origin: who asks; its seed is the head's.

    Raises:
        UserError: the inputs do not belong together, or leave a class without train labels or no val labels.
    """
    torch.set_num_threads(threads)
    seed = origin.seed or 0
    examples = keep_labels(read_examples(patches, splits, labels), fraction, seed)
    target = read_targets(targets, settings["rank"])
    lineage = agree(*target.stored, *examples.stored)
    if settings["kd_target"] == "centred":
        target = target.centred(examples.patch_id[examples.split == "train"])
    train, val = (
        Labelled.of(target.of(examples.patch_id[i]), examples.label[i])
        for i in map(examples.labelled, ("train", "val"))
    )
    protocol = PROTOCOLS[settings["protocol"]]
    sizes = {
        "d": target.matrix.shape[1],
        "n_classes": len(examples.classes),
        "hidden": settings["hidden"],
        "normalise": protocol.normalise_text,
    }
    fit = fit_head(
        lambda: TextHead(**sizes),
        train,
        val,
        what="teacher",
        settings=settings["head"],
        softmax_twice=protocol.softmax_twice,
        seed=seed,
    )
    inputs = {**target.inputs(), "patches": patches, "splits": splits, "labels": labels}
    provenance = origin.provenance(lineage=lineage, inputs=inputs)
    with torch.no_grad():
        logits = fit.head(val.features)
    write_teacher(teacher, scores, predictions, fit, sizes, logits, examples, provenance)


def write_teacher(
    teacher: Path,
    scores: Path,
    predictions: Path,
    fit: HeadFit,
    sizes: Mapping[str, Any],
    logits: Tensor,
    examples: Examples,
    provenance: Mapping[str, Any],
) -> None:
    """Writes h_t, how well it tells the classes of the labelled val patches by their `logits`, and what it says."""
    meta = {**sizes, "classes": list(examples.classes)}
    write_tensors(teacher, fit.head.state_dict(), provenance, meta)
    probabilities = logits.softmax(dim=-1).numpy()
    write_predictions(predictions, examples, probabilities, provenance, splits=["val"])
    label, predicted = examples.label[examples.labelled("val")], probabilities.argmax(axis=-1)
    val_scores = {
        "balanced_accuracy": balanced_accuracy_of(label, predicted),
        "accuracy": accuracy_of(label, predicted),
        "cross_entropy": fit.val_loss,
    }
    write_json(scores, {**meta, "epoch": fit.epoch, "val": val_scores}, provenance)
