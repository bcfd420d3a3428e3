"""The unimodal baseline: a linear head on frozen features."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import features as features_schema
from clipit.artifacts.tables import Stored, agree, embedding_matrix, read_table
from clipit.models.tensor_file import write_tensors
from clipit.runtime.errors import UserError
from clipit.training.examples import read_examples
from clipit.training.head_fit import Labelled, Standardisation, fit_head
from clipit.training.label_fraction import keep_labels
from clipit.training.predictions import evaluated, write_predictions


def train_probe(
    features: Sequence[Path],
    patches: Path,
    splits: Path,
    labels: Path,
    *,
    probe: Path,
    predictions: Path,
    settings: Mapping[str, Any],
    fraction: float = 1.0,
    threads: int,
    origin: Origin,
) -> None:
    """Fits a linear head and writes it (`weight` (C, d), `bias` (C,), for raw features) with its predictions.

    Args:
        features: features.parquet, of a backbone or of colour alone, or all parts of a retriever's image embeddings.
        patches: patches.parquet.
        splits: splits.parquet.
        labels: labels.parquet; patches without a label are not used.
        probe: safetensors file to write.
        predictions: table to write: labelled val and test patches.
        settings: as config.training.Head has them.
        fraction: share of the labels that is known.
        threads: torch threads.
        origin: who asks; its seed is the head's.

    Raises:
        UserError: the inputs do not belong together, or leave a class without train labels or no val labels.
    """
    torch.set_num_threads(threads)
    seed = origin.seed or 0
    examples = keep_labels(read_examples(patches, splits, labels), fraction, seed)
    matrix, stored = read_features(features, examples.patch_id)
    lineage = agree(*stored, *examples.stored)
    train, val = (Labelled.of(matrix[i], examples.label[i]) for i in map(examples.labelled, ("train", "val")))

    standardise = (
        Standardisation.of(train.features) if settings["standardise"] else Standardisation.none(train.features)
    )
    fit = fit_head(
        lambda: nn.Linear(matrix.shape[1], len(examples.classes)),
        train._replace(features=standardise(train.features)),
        val._replace(features=standardise(val.features)),
        what="probe",
        settings=settings,
        seed=seed,
    )
    head = fit.head
    assert isinstance(head, nn.Linear)
    standardise.fold_into(head)

    parts = {f"features/{table.path.name}": table.path for table in stored}
    inputs = {**parts, "patches": patches, "splits": splits, "labels": labels}
    provenance = origin.provenance(lineage=lineage, inputs=inputs)
    meta = {"classes": list(examples.classes), "epoch": fit.epoch, "val_loss": fit.val_loss}
    write_tensors(probe, head.state_dict(), provenance, meta)
    probabilities = probe_probabilities(head.state_dict(), matrix[evaluated(examples)])
    facts = {"train_labels": len(train.labels)}
    write_predictions(predictions, examples, probabilities, provenance, facts=facts)


def probe_probabilities(head: Mapping[str, Tensor], features: np.ndarray) -> np.ndarray:
    """What a probe's tensors say of raw `features`, float32 (n, d): float32 (n, C)."""
    logits = F.linear(torch.from_numpy(features), head["weight"], head["bias"])
    return logits.softmax(dim=-1).numpy()


def read_features(paths: Sequence[Path], patch_id: np.ndarray) -> tuple[np.ndarray, tuple[Stored, ...]]:
    """The features of `patch_id` in that order, float32 (n, d), from one table or several parts, and the tables.

    Raises:
        UserError: a patch is in none of them, they do not belong together, or a feature is not finite.
    """
    stored = tuple(read_table(path, features_schema.schema()) for path in paths)
    agree(*stored)
    row_of = {name: row for row, name in enumerate(name for part in stored for name in part.column("patch_id"))}
    matrix = np.concatenate([embedding_matrix(part) for part in stored if len(part.table)])
    if not np.isfinite(matrix).all():
        raise UserError(
            f"{paths[0]} (or another part) holds features that are not finite: set precision: fp32 for them"
        )
    try:
        return matrix[[row_of[name] for name in patch_id]], stored
    except KeyError as error:
        raise UserError(f"{paths[0]} has no features of patch {error.args[0]!r}: run snakemake again") from error
