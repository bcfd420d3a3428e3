"""The teacher: the text head h_t, trained on the targets of labelled patches (facts, section 1, step 2)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import agree, write_json
from clipit.models.heads import TextHead
from clipit.models.tensor_file import write_tensors
from clipit.training.examples import read_examples
from clipit.training.head_fit import Labelled, fit_head
from clipit.training.predictions import write_predictions
from clipit.training.scores import accuracy, balanced_accuracy
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
    hidden: int,
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
        settings: `epochs`, `batch`, `lr`, `weight_decay`.
        hidden: hidden units of h_t.
        threads: torch threads.
        origin: who asks; its seed is the head's.

    Raises:
        UserError: the inputs do not belong together, or leave a class without train labels or no val labels.
    """
    torch.set_num_threads(threads)
    examples = read_examples(patches, splits, labels)
    target = read_targets(targets)
    lineage = agree(*target.stored, *examples.stored)
    train, val = (
        Labelled.of(target.of(examples.patch_id[i]), examples.label[i])
        for i in map(examples.labelled, ("train", "val"))
    )
    sizes = {"d": target.matrix.shape[1], "n_classes": len(examples.classes), "hidden": hidden}
    fit = fit_head(lambda: TextHead(**sizes), train, val, what="teacher", seed=origin.seed or 0, **settings)

    inputs = {**target.inputs(), "patches": patches, "splits": splits, "labels": labels}
    provenance = origin.provenance(lineage=lineage, inputs=inputs)
    meta = {**sizes, "classes": list(examples.classes)}
    write_tensors(teacher, fit.head.state_dict(), provenance, meta)
    with torch.no_grad():
        probabilities = fit.head(val.features).softmax(dim=-1).numpy()
    write_predictions(predictions, examples, probabilities, provenance, splits=["val"])
    label, predicted = val.labels.numpy(), probabilities.argmax(axis=-1)
    val_scores = {
        "balanced_accuracy": balanced_accuracy(label, predicted),
        "accuracy": accuracy(label, predicted),
        "cross_entropy": fit.val_loss,
    }
    write_json(scores, {**meta, "epoch": fit.epoch, "val": val_scores}, provenance)
