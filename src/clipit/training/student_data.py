"""What a student learns from: images or their features, labels, targets."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.schemas import features as features_schema
from clipit.artifacts.tables import Stored, agree, embedding_matrix, read_table
from clipit.models.stored_images import StoredImages
from clipit.training.examples import Examples, positions
from clipit.training.targets import Targets
from clipit.training.text_targets import TextTargets


@dataclass(frozen=True)
class StudentData:
    """What a student trains on; positions index the images and the first axis of all tensors.

    Attributes:
        images: read from the store batch by batch; None where `features` are given.
        features: float32 (n, d_img), of a backbone that stays frozen.
        labels: int64 (n,); negative where there is none.
        pseudo: int64 (n,): what another model says of every patch; None where nobody is asked.
        targets: float32 (n, d_txt) text embeddings, as they are at the start; None without distillation.
        mean_target: (d_txt,) mean target of all train patches, labelled or not: what a student says that has learned
            nothing of the image. The same for every variant with these targets.
        text_targets: computes the targets anew where the text tower trains.
        train, unlabelled, val: positions of labelled train, unlabelled train and labelled val patches.
        steps: optimiser steps.
    """

    images: StoredImages | None
    features: Tensor | None
    labels: Tensor
    pseudo: Tensor | None
    targets: Tensor | None
    mean_target: Tensor | None
    text_targets: TextTargets | None
    train: Tensor
    unlabelled: Tensor
    val: Tensor
    steps: int

    @property
    def has_targets(self) -> bool:
        return self.targets is not None


@dataclass(frozen=True)
class Selection:
    """The patches that a training looks at, positions in `Examples`: labelled train, unlabelled train, labelled val."""

    train: np.ndarray
    unlabelled: np.ndarray
    val: np.ndarray

    @property
    def all(self) -> np.ndarray:
        return np.concatenate([self.train, self.unlabelled, self.val])


def select(examples: Examples, *, unlabelled: bool) -> Selection:
    """Chooses them; says so where `unlabelled` patches are wanted and every train patch has its label."""
    train = examples.labelled("train")
    extra = examples.unlabelled_train() if unlabelled else train[:0]
    if unlabelled and not len(extra):
        print("every train patch is labelled: there is no unlabelled one to learn from besides", file=sys.stderr)
    return Selection(train, extra, examples.labelled("val"))


def student_data(
    examples: Examples,
    chosen: Selection,
    settings: Mapping[str, Any],
    *,
    store: PatchStore,
    features: Stored | None,
    target: Targets | None,
    text_targets: TextTargets | None,
    pseudo: np.ndarray | None,
) -> StudentData:
    """The chosen patches with all that a student learns from."""
    borders = torch.arange(len(chosen.all)).split([len(chosen.train), len(chosen.unlabelled), len(chosen.val)])
    mean = None if target is None else target.of(examples.patch_id[examples.split == "train"]).mean(axis=0)
    return StudentData(
        images=StoredImages(store, examples.row[chosen.all]) if features is None else None,
        features=None if features is None else torch.from_numpy(_features_of(features, examples.patch_id[chosen.all])),
        labels=torch.from_numpy(examples.label[chosen.all]),
        pseudo=None if pseudo is None else torch.from_numpy(pseudo),
        targets=None if target is None else torch.from_numpy(target.of(examples.patch_id[chosen.all])),
        mean_target=None if mean is None else torch.from_numpy(mean),
        text_targets=text_targets,
        train=borders[0],
        unlabelled=borders[1],
        val=borders[2],
        steps=settings["steps"] or steps_of(settings["epochs"], settings["batch"], len(chosen.train)),
    )


def with_present_targets(data: StudentData, device: str) -> StudentData:
    """`data` with the targets that its text tower computes by now, where that trains, on `device`.

    The mean is of the patches that were trained on: the tower knows no others.
    """
    if data.text_targets is None:
        return data
    data.text_targets.to_device(device)
    targets = data.text_targets.of_many(torch.arange(len(data.labels)))
    trained_on = torch.cat([data.train, data.unlabelled])
    return replace(data, targets=targets, mean_target=targets[trained_on].mean(dim=0))


def steps_of(epochs: float, batch: int, n: int) -> int:
    """Optimiser steps in `epochs` passes over `n` patches, `batch` at a time; at least one."""
    return max(1, math.ceil(epochs * n / batch))


def read_features(path: Path, examples: Examples) -> Stored:
    """The features of a frozen backbone, of the patches that `examples` are of.

    Raises:
        UserError: they are of others.
    """
    stored = read_table(path, features_schema.schema())
    agree(stored, *examples.stored)
    return stored


def _features_of(stored: Stored, patch_id: np.ndarray) -> np.ndarray:
    matrix: np.ndarray = embedding_matrix(stored)
    return matrix[positions(patch_id, stored)]
