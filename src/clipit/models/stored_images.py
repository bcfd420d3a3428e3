"""The images of a selection of patches as tensors, read from the store when they are asked for."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from clipit.artifacts.patch_store import PatchStore


class StoredImages:
    """Patches by their position in a selection: memory holds only what is asked for at a time.

    Args:
        store: the patch store.
        rows: its rows, in the order of the positions.
    """

    def __init__(self, store: PatchStore, rows: Sequence[int] | np.ndarray) -> None:
        self._store, self._rows = store, np.asarray(rows, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def size(self) -> int:
        """Side of a patch in pixels."""
        return self._store.size

    def __getitem__(self, positions: Tensor) -> Tensor:
        """The images at `positions`, int64 (B,), on the host: uint8 (B, s, s, 3)."""
        return torch.from_numpy(self._store.batch(self._rows[positions.cpu().numpy()]))
