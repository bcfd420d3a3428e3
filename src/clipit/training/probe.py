"""The unimodal baseline: a linear head on frozen features."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import features as features_schema
from clipit.artifacts.tables import agree, embedding_matrix, read_table
from clipit.models.tensor_file import write_tensors
from clipit.training.examples import positions, read_examples
from clipit.training.head_fit import Labelled, Standardisation, fit_head
from clipit.training.predictions import evaluated, write_predictions


def train_probe(
    features: Path,
    patches: Path,
    splits: Path,
    labels: Path,
    *,
    probe: Path,
    predictions: Path,
    settings: Mapping[str, Any],
    threads: int,
    origin: Origin,
) -> None:
    """Fits a linear head and writes it (`weight` (C, d), `bias` (C,), for raw features) with its predictions.

    Args:
        features: features.parquet, of a backbone or of colour alone.
        patches: patches.parquet.
        splits: splits.parquet.
        labels: labels.parquet; patches without a label are not used.
        probe: safetensors file to write.
        predictions: table to write: labelled val and test patches.
        settings: `epochs`, `batch`, `lr`, `weight_decay`.
        threads: torch threads.
        origin: who asks; its seed is the head's.

    Raises:
        UserError: the inputs do not belong together, or leave a class without train labels or no val labels.
    """
    torch.set_num_threads(threads)
    examples = read_examples(patches, splits, labels)
    stored = read_table(features, features_schema.schema())
    lineage = agree(stored, *examples.stored)
    matrix = embedding_matrix(stored)[positions(examples.patch_id, stored)]
    train, val = (Labelled.of(matrix[i], examples.label[i]) for i in map(examples.labelled, ("train", "val")))

    standardise = Standardisation.of(train.features)
    fit = fit_head(
        lambda: nn.Linear(matrix.shape[1], len(examples.classes)),
        train._replace(features=standardise(train.features)),
        val._replace(features=standardise(val.features)),
        what="probe",
        seed=origin.seed or 0,
        **settings,
    )
    head = fit.head
    assert isinstance(head, nn.Linear)
    standardise.fold_into(head)

    inputs = {"features": features, "patches": patches, "splits": splits, "labels": labels}
    provenance = origin.provenance(lineage=lineage, inputs=inputs)
    meta = {"classes": list(examples.classes), "epoch": fit.epoch, "val_loss": fit.val_loss}
    write_tensors(probe, head.state_dict(), provenance, meta)
    with torch.no_grad():
        probabilities = head(torch.from_numpy(matrix[evaluated(examples)])).softmax(dim=-1).numpy()
    write_predictions(predictions, examples, probabilities, provenance)
