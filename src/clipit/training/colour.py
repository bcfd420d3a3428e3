"""Colour alone as features: what a data set gives away without any structure."""

from collections.abc import Sequence

import numpy as np

from clipit.artifacts.patch_store import PatchStore
from clipit.runtime.progress import Progress


def colour_features(store: PatchStore, rows: Sequence[int] | np.ndarray, *, batch: int) -> np.ndarray:
    """Mean and standard deviation of red, green and blue, in [0, 1], of the patches at `rows`: float32 (rows, 6)."""
    rows = np.asarray(rows, dtype=np.int64)
    features = np.empty((len(rows), 6), dtype=np.float32)
    with Progress("colour", len(rows), "patches") as progress:
        for start in range(0, len(rows), batch):
            images = store.batch(rows[start : start + batch]).astype(np.float32) / 255
            features[start : start + batch, :3] = images.mean(axis=(1, 2))
            features[start : start + batch, 3:] = images.std(axis=(1, 2))
            progress.advance(len(images))
    return features
