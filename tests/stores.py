"""Patch stores as the tiling leaves them, for tests that need one."""

from pathlib import Path

import numpy as np

from clipit.artifacts.patch_layout import rows_per_shard, sentinel
from clipit.artifacts.patch_writer import PatchWriter
from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import write_json


def write_store(path: Path, images: np.ndarray) -> Path:
    """Writes `images`, uint8 (N, size, size, 3), as a sealed store and gives its path."""
    writer = PatchWriter.create(path, len(images), images.shape[1])
    step = rows_per_shard(writer.size)
    for start in range(0, len(images), step):
        writer.write(start, images[start : start + step])
    seal(path, images.shape)
    return path


def seal(path: Path, shape: tuple[int, ...]) -> None:
    """Declares the store at `path` finished, as one of `shape`."""
    facts = {"shape": list(shape), "patches": shape[0], "digest": "synthetic"}
    write_json(sentinel(path), facts, Origin("test").provenance(lineage={"patches": "synthetic"}))
