"""Image files as items, one an image or tiles over each, and the pixels of both."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from clipit.runtime.progress import Progress
from clipit.sources.grid import grid_tiles, tile_side
from clipit.sources.image_files import image_size, read_rgb, to_patch, to_tile
from clipit.sources.image_source import BadImage, Item, Patch, R
from clipit.sources.in_order import in_order
from clipit.sources.plain_jpeg import plain_jpeg
from clipit.sources.plain_tiff import plain_tiff

_PLAIN = {".jpg": plain_jpeg, ".jpeg": plain_jpeg, ".tif": plain_tiff, ".tiff": plain_tiff}
# Bytes of patches that a thread makes at a time: enough to make handing them over cheap.
_AT_A_TIME = 2_000_000


def image_items(
    root: Path,
    files: Sequence[tuple[str, str | None]],
    *,
    size: int,
    mpp: float | None,
    grid: Mapping[str, Any] | None,
) -> list[Item]:
    """The items of image files, in the order of `files`.

    Without a grid each file is one item, its centre resized to a patch. With one, each file gives the tiles that lie
    wholly in it (`grid_tiles`), named `{path}@{x},{y}`, in the file's group or, where it has none, in one of their own.
    A file that cannot be used or is smaller than a tile is one item all the same, which is rejected when it is read.

    Headers are read where sizes are needed: for a grid, and for the resolution of resized images.

    Args:
        root: the folder that paths are relative to.
        files: path and, if known, group (patient or slide) of each file.
        size: side of a patch, pixels.
        mpp: microns per pixel of the images; None: unknown.
        grid: as config.datasets.Grid has it.

    Raises:
        UserError: the grid needs `mpp`, or is far finer than it.
    """
    if grid is None and mpp is None:
        return [Item(path, path, group) for path, group in files]
    items: list[Item] = []
    with Progress("read image sizes", len(files), "images") as progress:
        for path, group in files:
            extent = _extent(root / path)
            if grid is None:
                items.append(Item(path, path, group, mpp=mpp * min(extent) / size if mpp and extent else None))
            else:
                items += _tiles(path, group, extent or (0, 0), size, mpp, grid)
            progress.advance(items=len(items))
    return items


def _extent(path: Path) -> tuple[int, int] | None:
    try:
        return image_size(path)
    except BadImage:
        return None


def _tiles(
    path: str, group: str | None, extent: tuple[int, int], size: int, mpp: float | None, grid: Mapping[str, Any]
) -> list[Item]:
    laid = grid_tiles(*extent, mpp, grid["mpp"], size, grid["overlap"])
    return [
        Item(f"{path}@{x},{y}", path, group or path, x, y, side, grid["mpp"] or mpp)
        for x, y, side in laid or [(0, 0, tile_side(mpp, grid["mpp"], size))]
    ]


def read_items(
    items: Iterable[Item],
    path_of: Callable[[Item], Path],
    size: int,
    threads: int,
    use: Callable[[int, list[Patch]], R],
) -> Generator[R, None, None]:
    """`use` of the patches of all items, as `ImageSource.runs` has it.

    Whole images (width 0) are resized and cropped, tiles are cut out and resized. A file is decoded once for all its
    items that follow each other, and kept no longer.
    """
    length = max(1, _AT_A_TIME // (size * size * 3))

    def read(numbered: tuple[int, list[tuple[_Picture, Item]]]) -> R:
        number, unit = numbered
        return use(number * length, [picture.patch(item, size) for picture, item in unit])

    return in_order(read, enumerate(_units(items, path_of, length)), threads)


def _units(
    items: Iterable[Item], path_of: Callable[[Item], Path], length: int
) -> Iterator[list[tuple["_Picture", Item]]]:
    """The items with the picture that each is in, `length` at a time."""

    def pairs() -> Iterator[tuple[_Picture, Item]]:
        for _, run in groupby(items, key=lambda item: item.source):
            of_one = list(run)
            picture = _Picture(path_of(of_one[0]), len(of_one))
            yield from ((picture, item) for item in of_one)

    iterator = pairs()
    while unit := list(islice(iterator, length)):
        yield unit


class _Picture:
    """An image file that patches are cut from: decoded by the first thread to ask, dropped after the last patch."""

    def __init__(self, path: Path, patches: int) -> None:
        self._path, self._wanted = path, patches
        self._lock = Lock()
        self._decoded: Image.Image | BadImage | None = None

    def patch(self, item: Item, size: int) -> np.ndarray | BadImage:
        """The patch of one of its items, asked for once each."""
        if not item.width and (plain := self._plain(size)) is not None:
            return plain
        image = self._image()
        try:
            if isinstance(image, BadImage):
                return image
            return to_tile(image, item.x, item.y, item.width, size) if item.width else to_patch(image, size)
        except BadImage as reason:
            return _bare(reason)

    def _plain(self, size: int) -> np.ndarray | None:
        """The whole picture, where it is a patch already and takes no looking into."""
        decode = _PLAIN.get(self._path.suffix.lower())
        try:
            return decode and decode(self._path.read_bytes(), size)
        except OSError:
            return None  # the long way tells why

    def _image(self) -> Image.Image | BadImage:
        with self._lock:
            if self._decoded is None:
                try:
                    self._decoded = read_rgb(self._path)
                except BadImage as reason:
                    self._decoded = _bare(reason)
            image = self._decoded
            self._wanted -= 1
            if not self._wanted:
                self._decoded = None
        return image


def _bare(reason: BadImage) -> BadImage:
    """The same reason without its traceback, which would keep the file's content in memory."""
    return BadImage(str(reason))
