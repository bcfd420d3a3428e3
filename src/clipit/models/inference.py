"""Batched inference over the patches of a store."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from clipit.artifacts.patch_store import PatchStore
from clipit.encoders.image_transform import ImageTransform
from clipit.encoders.precision import Precision, inference
from clipit.encoders.slices import image_slices
from clipit.models.student import Student
from clipit.runtime.progress import Progress


def predict_features(
    backbone: nn.Module,
    transform: ImageTransform,
    store: PatchStore,
    rows: Sequence[int] | np.ndarray,
    *,
    batch: int,
    device: str = "cpu",
    precision: Precision = "fp32",
    what: str = "features",
) -> np.ndarray:
    """Features of the patches at `rows` by a frozen `backbone`: float32 (rows, d)."""
    return _predict(backbone, lambda images: backbone(images), transform, store, rows, batch, device, precision, what)


def predict_probabilities(
    student: Student,
    transform: ImageTransform,
    store: PatchStore,
    rows: Sequence[int] | np.ndarray,
    *,
    batch: int,
    device: str = "cpu",
    precision: Precision = "fp32",
    what: str = "predict",
) -> np.ndarray:
    """Class probabilities of the patches at `rows`: float32 (rows, C), each row sums to 1."""

    def forward(images: Tensor) -> Tensor:
        return student(images).logits.float().softmax(dim=-1)

    return _predict(student, forward, transform, store, rows, batch, device, precision, what)


def _predict(
    module: nn.Module,
    forward: Callable[[Tensor], Tensor],
    transform: ImageTransform,
    store: PatchStore,
    rows: Sequence[int] | np.ndarray,
    batch: int,
    device: str,
    precision: Precision,
    what: str,
) -> np.ndarray:
    module.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    rows = np.asarray(rows, dtype=np.int64)
    outputs = []
    with (
        Progress(what, len(rows), "patches") as progress,
        inference(device, precision),
    ):
        for start in range(0, len(rows), batch):
            patches = torch.from_numpy(store.batch(rows[start : start + batch])).to(device)
            for part in image_slices(len(patches), transform.size, device):
                images = transform(patches[part]).contiguous(memory_format=torch.channels_last)
                outputs.append(forward(images).float().cpu().numpy())
            progress.advance(len(patches))
    return np.concatenate(outputs)
