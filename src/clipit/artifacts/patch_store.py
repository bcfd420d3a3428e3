"""Reads the patches of a store: by row, or batch after batch."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.object_store import beside, read_bytes, unreachable
from clipit.artifacts.patch_layout import SENTINEL, Layout, check_shards, read_layout, tensorstore_spec
from clipit.artifacts.patch_shard import map_shard
from clipit.artifacts.tables import read_json
from clipit.runtime.errors import UserError

# Every map holds a file descriptor, of which a process often has 1024.
_MAPS = 256
# What scattered patches pass through on their way: small enough for the processor's cache.
_SCRATCH_BYTES = 500_000


class PatchStore:
    """The patches of a finished store.

    Shards of uncompressed patches are memory-mapped; any other Zarr store of the same shape, missing shards (all
    zero), and a store in object storage are read through TensorStore, with equal results. Files are opened when they
    are first read, in each process anew: a store can be pickled, and used from threads and from spawned or forked
    processes. (TensorStore itself does not survive a fork: read what is not mapped from spawned processes.)

    Args:
        path: the store, or its address `s3://bucket/key` (docs/object_storage.md).
        sealed: False also takes a store that is still being written.

    Raises:
        UserError: there is no store at `path`; unless `sealed` is False also if its sentinel is missing or tells of
            another store, or if a shard is missing or cut short.
    """

    def __init__(self, path: str | Path, *, sealed: bool = True) -> None:
        self._layout = read_layout(path)
        if sealed:
            _check_sealed(path, self._layout)
        self._forget()

    def _forget(self) -> None:
        self._process = os.getpid()
        self._shard = lru_cache(_MAPS)(partial(map_shard, self._layout))
        self._array: Any = None

    def __getstate__(self) -> Layout:
        return self._layout

    def __setstate__(self, layout: Layout) -> None:
        self._layout = layout
        self._forget()

    def __len__(self) -> int:
        return self._layout.n_rows

    @property
    def size(self) -> int:
        """Side of a patch in pixels."""
        return self._layout.size

    def batch(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The patches at rows `indices`, in that order: uint8 (rows, size, size, 3), the caller's own.

        Raises:
            IndexError: there is no such row.
        """
        rows = np.asarray(indices, dtype=np.int64)
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {self._layout.folder}, which has {len(self)}")
        if self._process != os.getpid():
            self._forget()
        if self._layout.remote or not self._layout.plain:
            return self._decode(rows)
        images = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        shard_of = rows // self._layout.shard_rows
        order = np.argsort(shard_of, kind="stable")
        for places in np.split(order, np.flatnonzero(np.diff(shard_of[order])) + 1):
            if places.size:
                self._fill(images, places, rows[places], int(shard_of[places[0]]))
        return images

    def _fill(self, images: np.ndarray, places: np.ndarray, rows: np.ndarray, shard: int) -> None:
        """Copies `rows`, all of one shard, to `places` of `images`, which ascend."""
        patches = self._shard(shard)
        if patches is None:
            images[places] = self._decode(rows)
            return
        rows = rows - shard * self._layout.shard_rows
        if _is_range(places):
            part = images[places[0] : places[-1] + 1]
            if _is_range(rows):
                part[:] = patches[rows[0] : rows[-1] + 1]
            else:
                np.take(patches, rows, axis=0, out=part, mode="clip")
            return
        step = max(1, _SCRATCH_BYTES // self._layout.patch_bytes)
        scratch = np.empty((min(step, len(rows)), *images.shape[1:]), np.uint8)
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            # mode="clip" keeps numpy from taking into a buffer of its own; the rows are in range.
            np.take(patches, some, axis=0, out=scratch[: len(some)], mode="clip")
            images[places[start : start + step]] = scratch[: len(some)]

    def _decode(self, rows: np.ndarray) -> np.ndarray:
        import tensorstore as ts

        try:
            if self._array is None:
                self._array = ts.open(tensorstore_spec(self._layout.folder), open=True, read=True).result()
            wanted = slice(rows[0], rows[-1] + 1) if len(rows) and _is_range(rows) else rows
            return np.asarray(self._array[wanted].read().result())
        except ValueError as error:
            if self._layout.remote:
                raise unreachable(self._layout.folder, error) from error
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{self._layout.folder} is damaged ({reason}): delete {Path(self._layout.folder).parent} and run "
                "snakemake again"
            ) from error

    def stream(
        self, batch: int, *, shuffle: bool = False, seed: int = 0, rows: Sequence[int] | np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (indices int64 (b,), images uint8 (b, size, size, 3)), `batch` patches at a time, the last one fewer.

        A thread reads the next batch while the caller works on one, so two are in memory.

        Args:
            batch: patches at a time.
            shuffle: in an order drawn from `seed` alone.
            seed: of that order.
            rows: the rows to read, in this order unless shuffled; all by default.
        """
        order = np.arange(len(self)) if rows is None else np.asarray(rows, dtype=np.int64)
        if shuffle:
            order = np.random.default_rng(seed).permutation(order)
        with ThreadPoolExecutor(1, "patches") as reader:
            ahead = reader.submit(self.batch, order[:batch])
            for start in range(0, len(order), batch):
                images = ahead.result()
                ahead = reader.submit(self.batch, order[start + batch : start + 2 * batch])
                yield order[start : start + batch], images
                del images


def _is_range(values: np.ndarray) -> bool:
    """Whether each of the `values` is the one before plus 1."""
    return bool(values[-1] - values[0] == len(values) - 1 and (np.diff(values) == 1).all())


def _check_sealed(path: str | Path, layout: Layout) -> None:
    success = beside(path, SENTINEL)
    try:
        read_bytes(success)
    except FileNotFoundError as error:
        raise UserError(f"{path} is not finished ({success} is missing): run snakemake to finish it") from error
    shape = read_json(success).get("shape")
    if shape != layout.shape:
        raise UserError(
            f"{success} tells of a store of shape {shape}, {path} has {layout.shape}: "
            f"delete {Path(path).parent} and run snakemake again"
        )
    check_shards(path)
