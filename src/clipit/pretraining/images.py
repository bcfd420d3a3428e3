"""The images that towers are trained on, in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.tables import Stored, read_table
from clipit.encoders.image_transform import ImageTransform


@dataclass(frozen=True)
class Images:
    """Patches of a data set, row by row.

    Attributes:
        pixels: uint8 (N, s, s, 3).
        patch_id: their names.
        group: the patient or slide of each, its own name where unknown.
        table: the table they were listed in.
    """

    pixels: Tensor
    patch_id: list[str]
    group: list[str]
    table: Stored

    @classmethod
    def read(cls, store: Path, patches: Path, wanted: Callable[[str], bool]) -> "Images":
        """Reads the patches whose id is `wanted`, in the store's order."""
        table = read_table(patches, patches_schema.SCHEMA)
        columns = (table.column(name) for name in ("index", "patch_id", "group"))
        kept = [(index, patch, group or patch) for index, patch, group in zip(*columns, strict=True) if wanted(patch)]
        rows, ids, groups = (list(column) for column in zip(*kept, strict=True)) if kept else ([], [], [])
        pixels = torch.from_numpy(PatchStore(store).batch(np.asarray(rows, dtype=np.int64)))
        return cls(pixels, ids, groups, table)

    def __len__(self) -> int:
        return len(self.patch_id)

    def transform(self) -> ImageTransform:
        """To zero mean and unit spread by channel, as these images have them; their size is kept."""
        values = self.pixels[:: max(1, len(self) // 1000)].reshape(-1, 3).double() / 255
        mean, std = (tuple(round(value, 4) for value in moment.tolist()) for moment in (values.mean(0), values.std(0)))
        return ImageTransform(self.pixels.shape[1], mean, std)
