"""Writes a patch store, shard by shard."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts

from clipit.artifacts.atomic import write_text
from clipit.artifacts.patch_layout import Layout, array_metadata, read_layout, sentinel, tensorstore_spec


class PatchWriter:
    """Writes whole shards of patches.

    A shard's file is written beside its final name and renamed: after a killed job it is there as a whole or not at
    all. What such a job leaves behind (`*.__lock`) goes when its shard is written again.
    A store being written is not sealed: opening a writer removes its sentinel.
    """

    def __init__(self, array: Any, layout: Layout) -> None:
        self._array, self._layout = array, layout

    @classmethod
    def create(cls, path: str | Path, n_rows: int, size: int) -> "PatchWriter":
        """Makes an empty store of `n_rows` patches, in place of whatever is at `path`."""
        sentinel(path).unlink(missing_ok=True)
        write_text(Path(path) / "zarr.json", '{"zarr_format": 3, "node_type": "group", "attributes": {}}\n')
        spec = {**tensorstore_spec(path), "metadata": array_metadata(n_rows, size)}
        return cls(ts.open(spec, create=True, delete_existing=True).result(), read_layout(path))

    @classmethod
    def open(cls, path: str | Path) -> "PatchWriter":
        """Opens an existing store; several writers may, each for its own shards.

        Raises:
            UserError: there is none at `path`.
        """
        layout = read_layout(path)
        sentinel(path).unlink(missing_ok=True)
        return cls(ts.open(tensorstore_spec(path), open=True).result(), layout)

    def __len__(self) -> int:
        return self._layout.n_rows

    @property
    def size(self) -> int:
        """Side of a patch in pixels."""
        return self._layout.size

    def write(self, start: int, block: np.ndarray) -> None:
        """Writes consecutive patches from row `start`, uint8 (rows, size, size, 3), black ones too.

        Raises:
            ValueError: they are not whole shards.
        """
        step, stop = self._layout.shard_rows, start + len(block)
        if start % step or (stop % step and stop != len(self)) or block.shape[1:] != (self.size, self.size, 3):
            raise ValueError(
                f"rows {start} to {stop} of shape {block.shape[1:]} are not whole shards of {step} patches "
                f"of {self.size} px ({len(self)} in all)"
            )
        self._array[start:stop].write(block).result()
