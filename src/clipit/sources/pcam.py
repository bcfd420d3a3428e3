"""PatchCamelyon: three pairs of HDF5 files, patches `x` and labels `y`, with splits of its own."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

from clipit.runtime.errors import UserError
from clipit.sources.image_files import to_square
from clipit.sources.image_source import ImageSource, Item, Labels, Patch, R
from clipit.sources.in_order import in_order

CLASSES = ("no_tumor", "tumor")
SPLITS = {"train": "train", "valid": "val", "test": "test"}
"""PCam's names of the splits, in the store's order, and ours."""
SIDE = 96

_SLICE = 64  # patches read at once, 2 MB


class PcamImages(ImageSource):
    """Reads a `pcam` entry of the catalog (config.datasets.PcamDataset)."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._size: int = entry["size"]
        self._x = {split: Path(entry["files"][f"{split}_x"]) for split in SPLITS}
        self._y = {split: Path(entry["files"][f"{split}_y"]) for split in SPLITS}
        self._count = {split: _paired(self._x[split], self._y[split]) for split in SPLITS}

    def items(self) -> list[Item]:
        return [
            Item(patch_id=f"{split}_{row:06d}", source=self._x[split].name)
            for split, count in self._count.items()
            for row in range(count)
        ]

    def runs(
        self, items: Sequence[Item], threads: int, use: Callable[[int, list[Patch]], R]
    ) -> Generator[R, None, None]:
        def resized(run: tuple[int, np.ndarray]) -> R:
            first, patches = run
            if self._size == SIDE:
                return use(first, list(patches))
            return use(first, [to_square(Image.fromarray(patch), self._size) for patch in patches])

        # HDF5 decompresses under a lock of its own: several threads that read would only wait for each other.
        return in_order(resized, self._slices(items), threads)

    def splits(self, items: Sequence[Item]) -> list[str]:
        return [SPLITS[_place(item)[0]] for item in items]

    def labels(self, items: Sequence[Item]) -> Labels:
        label = {split: _labels(path) for split, path in self._y.items()}
        return Labels(list(CLASSES), [label[split][row] for split, row in map(_place, items)])

    def _slices(self, items: Sequence[Item]) -> Iterator[tuple[int, np.ndarray]]:
        """The patches of all items, some at a time, each time with the place of the first."""
        first = 0
        for split, rows in _runs(items):
            for patches in self._read(split, rows):
                yield first, patches
                first += len(patches)

    def _read(self, split: str, rows: range) -> Iterator[np.ndarray]:
        """Consecutive patches of one file, some at a time."""
        with _open(self._x[split]) as file:
            x = file["x"]
            # A chunk is decompressed whole: slices that end where a chunk does never decompress one twice.
            per_chunk = x.chunks[0] if x.chunks else 1
            step = -(-_SLICE // per_chunk) * per_chunk
            start = rows.start
            while start < rows.stop:
                stop = min((start // step + 1) * step, rows.stop)
                yield _slice(x, start, stop, self._x[split])
                start = stop


def _slice(x: h5py.Dataset, start: int, stop: int, path: Path) -> np.ndarray:
    try:
        patches: np.ndarray = x[start:stop]
    except OSError as error:
        raise UserError(f"{path} is damaged (rows {start} to {stop}): delete its folder and run again") from error
    return patches


def _place(item: Item) -> tuple[str, int]:
    """PCam's split of an item, and its row there."""
    split, _, row = item.patch_id.partition("_")
    return split, int(row)


def _runs(items: Sequence[Item]) -> Iterator[tuple[str, range]]:
    """The items as runs of consecutive rows of one file."""
    places = [_place(item) for item in items]
    first = 0
    for i in range(1, len(places) + 1):
        split, row = places[first]
        if i == len(places) or places[i] != (split, row + i - first):
            yield split, range(row, row + i - first)
            first = i


def _paired(x_path: Path, y_path: Path) -> int:
    """Checks a pair of files; how many patches they hold.

    Raises:
        UserError: a file is missing, is not HDF5, or holds something else than PCam's.
    """
    with _open(x_path) as file:
        x = _dataset(file, "x", x_path, f"(N, {SIDE}, {SIDE}, 3) uint8")
        if x.shape[1:] != (SIDE, SIDE, 3) or x.dtype != np.uint8:
            raise UserError(f"{x_path}: x is {x.shape} {x.dtype}, not (N, {SIDE}, {SIDE}, 3) uint8: it is not PCam's")
        patches = len(x)
    with _open(y_path) as file:
        y = _dataset(file, "y", y_path, "(N, 1, 1, 1) integer")
        if y.shape[1:] != (1, 1, 1) or y.dtype.kind not in "iu":
            raise UserError(f"{y_path}: y is {y.shape} {y.dtype}, not (N, 1, 1, 1) integer: it is not PCam's")
        if len(y) != patches:
            raise UserError(
                f"{y_path} has {len(y)} labels and {x_path.name} {patches} patches: they belong to two different sets"
            )
    return patches


def _labels(path: Path) -> list[int]:
    with _open(path) as file:
        label = file["y"][:].reshape(-1)
    strange = set(np.unique(label).tolist()) - {0, 1}
    if strange:
        raise UserError(f"{path}: y holds {sorted(strange)[0]}, but a label is 0 or 1: it is not PCam's")
    labels: list[int] = label.tolist()
    return labels


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: delete _COMPLETE.json in its folder and run again") from error
    except OSError as error:
        raise UserError(f"{path} is not an HDF5 file, or a part of one: delete its folder and run again") from error


def _dataset(file: h5py.File, key: str, path: Path, expected: str) -> h5py.Dataset:
    found = file.get(key)
    if not isinstance(found, h5py.Dataset):
        raise UserError(f"{path} has no {key!r}, {expected} (it has {', '.join(file) or 'nothing'}): it is not PCam's")
    return found
