"""The images of a selection of patches as tensors, read from the store when they are asked for or kept on a device."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from clipit.artifacts.patch_store import PatchStore

_CHUNK_BYTES = 64_000_000  # read at once on the way to a device


class StoredImages:
    """Patches by their position in a selection: memory holds only what is asked for at a time.

    Args:
        store: the patch store.
        rows: its rows, in the order of the positions.
    """

    def __init__(self, store: PatchStore, rows: Sequence[int] | np.ndarray) -> None:
        self._store, self._rows = store, np.asarray(rows, dtype=np.int64)
        self._device = torch.device("cpu")
        self._resident: Tensor | None = None

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def size(self) -> int:
        """Side of a patch in pixels."""
        return self._store.size

    @property
    def resident(self) -> bool:
        """Whether all the images lie on the device already."""
        return self._resident is not None

    def to(self, device: str | torch.device, *, resident: bool | None = None) -> "StoredImages":
        """The same images, given on `device`.

        Args:
            device: where `__getitem__` is to give them.
            resident: load them all once and keep them there, or read each batch from the store when it is asked for.
                By default they stay on a CUDA device half of whose free memory holds them.
        """
        moved = copy.copy(self)
        moved._device, moved._resident = torch.device(device), None
        if resident is None:
            resident = len(self) * self.size**2 * 3 < _room(moved._device)
        if resident:
            moved._resident = moved._load()
        return moved

    def __getitem__(self, positions: Tensor) -> Tensor:
        """The images at `positions`, int64 (B,): uint8 (B, s, s, 3), on the host unless moved."""
        if self._resident is not None:
            return self._resident[positions.to(self._resident.device)]
        images = torch.from_numpy(self._store.batch(self._rows[positions.cpu().numpy()]))
        if self._device.type == "cuda":
            images = images.pin_memory()  # lets the copy run beside what the device is at
        return images.to(self._device, non_blocking=images.is_pinned())

    def _load(self) -> Tensor:
        images = torch.empty((len(self), self.size, self.size, 3), dtype=torch.uint8, device=self._device)
        for positions in torch.arange(len(self)).split(max(1, _CHUNK_BYTES // (self.size**2 * 3))):
            images[positions[0] : positions[-1] + 1] = self[positions]
        return images


def _room(device: torch.device) -> int:
    """Bytes that images may take up for as long as they are used on `device`: none where the store is as near."""
    return torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else 0
