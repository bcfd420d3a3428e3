"""Writes a patch store, shard by shard."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import google_crc32c
import numpy as np
import tensorstore as ts

from clipit.artifacts.atomic import write_text
from clipit.artifacts.patch_layout import Layout, array_metadata, read_layout, sentinel, tensorstore_spec
from clipit.runtime.errors import UserError

_ABSENT = 2**64 - 1  # offset and length of a patch that a shard does not hold


class PatchWriter:
    """Writes whole shards of patches.

    A shard's file is written beside its final name and renamed: after a killed job it is there as a whole or not at
    all. What such a job leaves behind (`*.__lock`) goes when its shard is written again.
    A store being written is not sealed: opening a writer removes its sentinel.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @classmethod
    def create(cls, path: str | Path, n_rows: int, size: int) -> "PatchWriter":
        """Makes an empty store of `n_rows` patches, in place of whatever is at `path`."""
        sentinel(path).unlink(missing_ok=True)
        write_text(Path(path) / "zarr.json", '{"zarr_format": 3, "node_type": "group", "attributes": {}}\n')
        spec = {**tensorstore_spec(path), "metadata": array_metadata(n_rows, size)}
        ts.open(spec, create=True, delete_existing=True).result()
        return cls(read_layout(path))

    @classmethod
    def open(cls, path: str | Path) -> "PatchWriter":
        """Opens an existing store; several writers may, each for its own shards.

        Raises:
            UserError: there is none at `path`, or another program made it.
        """
        layout = read_layout(path)
        if not layout.plain:
            raise UserError(f"{path} was made by another program: delete it and run snakemake again")
        sentinel(path).unlink(missing_ok=True)
        return cls(layout)

    def __len__(self) -> int:
        return self._layout.n_rows

    @property
    def size(self) -> int:
        """Side of a patch in pixels."""
        return self._layout.size

    @property
    def shard_rows(self) -> int:
        """Patches in a full shard."""
        return self._layout.shard_rows

    def shard(self, start: int) -> "ShardWriter":
        """Begins the shard whose first row is `start`.

        Raises:
            ValueError: no shard starts there.
        """
        number, inside = divmod(start, self.shard_rows)
        if inside or not 0 <= start < len(self):
            raise ValueError(f"no shard starts at row {start}: shards of {self.shard_rows} patches, {len(self)} in all")
        return ShardWriter(self._layout, number)

    def write(self, start: int, block: np.ndarray) -> None:
        """Writes consecutive patches from row `start`, uint8 (rows, size, size, 3), black ones too.

        Raises:
            ValueError: they are not whole shards.
        """
        step, stop = self.shard_rows, start + len(block)
        if start % step or (stop % step and stop != len(self)) or block.shape[1:] != (self.size, self.size, 3):
            raise ValueError(
                f"rows {start} to {stop} of shape {block.shape[1:]} are not whole shards of {step} patches "
                f"of {self.size} px ({len(self)} in all)"
            )
        for first in range(0, len(block), step):
            with self.shard(start + first) as shard:
                shard.append(block[first : first + step])
            shard.finish()


class ShardWriter:
    """The file of one shard: patches are appended in order, then it is finished.

    `with` removes what was written if an error ends the appending. A file is written as `map_shard` reads it, which
    spares the copies of a whole shard in memory that TensorStore makes.
    """

    def __init__(self, layout: Layout, shard: int) -> None:
        self._layout, self._file = layout, layout.file(shard)
        self.rows = layout.rows_in(shard)
        """Patches that belong into it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._part = self._file.with_name(f"{self._file.name}.__lock")
        self._opened = open(self._part, "wb", buffering=0)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._discard()

    def _discard(self) -> None:
        self._opened.close()
        self._part.unlink(missing_ok=True)

    def append(self, patches: np.ndarray) -> None:
        """Adds one patch, uint8 (size, size, 3), or several of them, (rows, size, size, 3).

        Raises:
            ValueError: they are of another size or type.
            OSError: the system refuses to write, on a full disk, say.
        """
        size = self._layout.size
        if patches.shape[-3:] != (size, size, 3) or patches.dtype != np.uint8:
            raise ValueError(f"{patches.dtype} patches of shape {patches.shape} in a store of uint8 ones of {size} px")
        self._write(np.ascontiguousarray(patches).data.cast("B"))

    def _write(self, data: memoryview) -> None:
        while data:
            data = data[self._opened.write(data) :]

    def finish(self) -> None:
        """Adds the index and gives the file its name. Whoever seals the store flushes it to the disk before.

        Raises:
            ValueError: there are not as many patches as belong into it.
            OSError: the system refuses to write.
        """
        try:
            if self._opened.tell() != self.rows * self._layout.patch_bytes:
                raise ValueError(f"{self._file} must hold {self.rows} patches of {self._layout.size} px")
            self._write(memoryview(self._index()))
            self._opened.close()
            os.replace(self._part, self._file)
        except BaseException:
            self._discard()
            raise

    def _index(self) -> bytes:
        """Offset and length of every patch, and a checksum of them."""
        index = np.full((self._layout.shard_rows, 2), _ABSENT, "<u8")
        index[: self.rows, 0] = np.arange(self.rows) * self._layout.patch_bytes
        index[: self.rows, 1] = self._layout.patch_bytes
        content = index.tobytes()
        return content + google_crc32c.value(content).to_bytes(4, "little")
