"""The images that towers are trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.tables import Stored, read_table
from clipit.encoders.image_transform import ImageTransform
from clipit.models.stored_images import StoredImages


@dataclass(frozen=True)
class Images:
    """Patches of a data set, row by row.

    Attributes:
        pixels: read from the store when asked for.
        patch_id: their names.
        group: the patient or slide of each, its own name where unknown.
        table: the table they were listed in.
    """

    pixels: StoredImages
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
        return cls(StoredImages(PatchStore(store), rows), ids, groups, table)

    def __len__(self) -> int:
        return len(self.patch_id)

    def transform(self) -> ImageTransform:
        """To zero mean and unit spread by channel, as these images have them; their size is kept."""
        some = torch.arange(0, len(self), max(1, len(self) // 1000))
        values = self.pixels[some].reshape(-1, 3).double() / 255
        mean, std = (tuple(round(value, 4) for value in moment.tolist()) for moment in (values.mean(0), values.std(0)))
        return ImageTransform(self.pixels.size, mean, std)
