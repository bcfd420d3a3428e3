"""Writes a patch store, shard by shard."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import google_crc32c
import numpy as np
import tensorstore as ts

from clipit.artifacts.atomic import write_text
from clipit.artifacts.patch_layout import Layout, array_metadata, read_layout, sentinel, tensorstore_spec
from clipit.runtime.errors import UserError

_ABSENT = 2**64 - 1  # offset and length of a patch that a shard does not hold
_AT_ONCE = 1000  # arrays that the system is handed at a time; it takes 1024


class PatchWriter:
    """Writes whole shards of patches.

    A shard's file is written beside its final name and renamed: after a killed job it is there as a whole or not at
    all. What such a job leaves behind (`*.__lock`) goes when its shard is written again.
    A store being written is not sealed: opening a writer removes its sentinel.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._begun: dict[int, _Shard] = {}
        self._lock = Lock()

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

    def write(self, start: int, block: np.ndarray) -> None:
        """Writes consecutive patches from row `start`, uint8 (rows, size, size, 3), black ones too.

        Raises:
            ValueError: they are not whole shards, or of another size or type.
        """
        with self:
            self.put(start, [block])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes the shards that were begun and not filled.

        Raises:
            ValueError: there are any, and no other error is the reason.
        """
        begun, self._begun = list(self._begun.values()), {}
        for shard in begun:
            shard.discard()
        if begun and kind is None:
            raise ValueError(f"patches are missing: {begun[0]}")

    def put(self, start: int, blocks: Sequence[np.ndarray]) -> None:
        """Writes patches to consecutive rows from `start`; several threads may, each its own rows, within a `with`.

        A shard's file gets its name with its last row; whoever seals the store flushes it to the disk before.

        Args:
            blocks: uint8 arrays, each a patch (size, size, 3) or several (rows, size, size, 3).

        Raises:
            ValueError: they are of another size or type, or reach past the end.
            OSError: the system refuses to write, on a full disk, say.
        """
        size, step = self.size, self.shard_rows
        for block in blocks:
            if block.shape[-3:] != (size, size, 3) or block.dtype != np.uint8:
                raise ValueError(f"{block.dtype} patches of shape {block.shape} in a store of uint8 ones of {size} px")
        rows = [np.ascontiguousarray(block).reshape(-1, size, size, 3) for block in blocks]
        stop = start + sum(map(len, rows))
        if not 0 <= start <= stop <= len(self):
            raise ValueError(f"rows {start} to {stop} of a store of {len(self)}")
        for number in range(start // step, -(-stop // step)):
            first, last = max(start, number * step), min(stop, (number + 1) * step)
            self._fill(number, first - number * step, list(_between(rows, first - start, last - start)))

    def _fill(self, number: int, first: int, blocks: Sequence[np.ndarray]) -> None:
        with self._lock:
            if number not in self._begun:
                self._begun[number] = _Shard(self._layout, number)
            shard = self._begun[number]
        shard.write(first, blocks)
        with self._lock:
            shard.missing -= sum(map(len, blocks))
            if shard.missing:
                return
            del self._begun[number]
        shard.finish()


def _between(blocks: Iterable[np.ndarray], first: int, stop: int) -> Iterator[np.ndarray]:
    """The rows `first` to `stop` of several arrays that follow each other."""
    for block in blocks:
        part = block[max(first, 0) : max(stop, 0)]
        if len(part):
            yield part
        first, stop = first - len(block), stop - len(block)


class _Shard:
    """The file of one shard, written as `map_shard` reads it: without the copies in memory that TensorStore makes."""

    def __init__(self, layout: Layout, shard: int) -> None:
        self._layout, self._file = layout, layout.file(shard)
        self._rows = self.missing = layout.rows_in(shard)
        """Rows that are not written yet."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._part = self._file.with_name(f"{self._file.name}.__lock")
        self._opened = open(self._part, "wb", buffering=0)  # noqa: SIM115

    def __str__(self) -> str:
        return f"{self.missing} of {self._file}"

    def discard(self) -> None:
        """Removes what was written."""
        self._opened.close()
        self._part.unlink(missing_ok=True)

    def write(self, first: int, blocks: Sequence[np.ndarray]) -> None:
        """Writes contiguous arrays of patches to consecutive rows from `first`."""
        at = first * self._layout.patch_bytes
        for start in range(0, len(blocks), _AT_ONCE):
            at += self._write([block.data.cast("B") for block in blocks[start : start + _AT_ONCE]], at)

    def _write(self, data: list[memoryview], at: int) -> int:
        """Writes all of `data` from the byte `at`; gives its length."""
        length = sum(map(len, data))
        file = self._opened.fileno()
        done = os.pwritev(file, data, at)
        if done < length:  # a full disk, or more than the system takes at once
            rest = memoryview(b"".join(data))[done:]
            while rest:
                rest = rest[os.pwrite(file, rest, at + length - len(rest)) :]
        return length

    def finish(self) -> None:
        """Adds the index and gives the file its name."""
        try:
            self._write([memoryview(self._index())], self._rows * self._layout.patch_bytes)
            self._opened.close()
            os.replace(self._part, self._file)
        except BaseException:
            self.discard()
            raise

    def _index(self) -> bytes:
        """Offset and length of every patch, and a checksum of them."""
        index = np.full((self._layout.shard_rows, 2), _ABSENT, "<u8")
        index[: self._rows, 0] = np.arange(self._rows) * self._layout.patch_bytes
        index[: self._rows, 1] = self._layout.patch_bytes
        content = index.tobytes()
        return content + google_crc32c.value(content).to_bytes(4, "little")
