"""What tiling asks of a data set, whatever it is made of."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from clipit.runtime.errors import UserError

READERS = {
    "phantom": "clipit.sources.phantom.images:PhantomImages",
    "pcam": "clipit.sources.pcam:PcamImages",
    "crc": "clipit.sources.crc:CrcImages",
    "bach": "clipit.sources.bach:BachImages",
    "folder": "clipit.sources.folder:FolderImages",
    "captioned": "clipit.sources.captioned:CaptionedImages",
    "slides": "clipit.sources.slides:SlideImages",
}
"""Module and class that read each kind of data set; named, not imported, so that a job loads (and its code digest
covers) only its own."""


R = TypeVar("R")


class BadImage(Exception):
    """An image that cannot be used; its message is the reason, shown to the user."""


Patch = np.ndarray | BadImage
"""A patch, uint8 (size, size, 3), or why there is none."""


@dataclass(frozen=True, slots=True)
class Item:
    """One patch to come, before any pixel is decoded; `x`, `y`, `width` in level-0 pixels, width 0 = whole image."""

    patch_id: str
    source: str
    group: str | None = None
    x: int = 0
    y: int = 0
    width: int = 0
    mpp: float | None = None
    centre: str | None = None


@dataclass(frozen=True)
class Labels:
    """Class names in order, and the class of each item (index into `classes`, None = unlabelled).

    `weak`: labels of whole slides, copied to their tiles.
    """

    classes: list[str]
    of: Sequence[int | None]
    weak: bool = False


class ImageSource:
    """A data set's images, in a fixed order, and what is known of them.

    `items` lists them once; every other question is put about items that were listed before, in any selection.
    """

    def items(self) -> list[Item]:
        """Every patch, in the store's order."""
        raise NotImplementedError

    def runs(
        self, items: Sequence[Item], threads: int, use: Callable[[int, list[Patch]], R]
    ) -> Generator[R, None, None]:
        """`use(first, patches)` of the patches of all `items`, a run of a few at a time, in their order.

        `first` is the place of a run among `items`. `threads` threads decode, each hands what it decoded to `use`
        itself: what is done with patches is done by all threads, while they are still in the processor's cache.
        """
        raise NotImplementedError

    def pixels(self, items: Sequence[Item], threads: int) -> Iterator[Patch]:
        """The patch of each item in turn, decoded by `threads` threads."""
        for patches in self.runs(items, threads, lambda _, patches: patches):
            yield from patches

    def splits(self, items: Sequence[Item]) -> list[str]:
        """Split of each item: train, val or test."""
        raise NotImplementedError

    def labels(self, items: Sequence[Item]) -> Labels:
        """The label of each item, before any is held back."""
        raise NotImplementedError

    def captions(self, items: Sequence[Item]) -> list[str]:
        """Caption of each item, of data sets that have captions."""
        raise UserError("this data set has no captions: name a captioned one")

    def findings(self, items: Sequence[Item]) -> list[int]:
        """The phantom's latent finding of each item."""
        raise UserError("only the phantom knows its findings")


def open_images(entry: Mapping[str, Any]) -> ImageSource:
    """The source that a catalog entry describes."""
    module, _, name = READERS[entry["source"]].partition(":")
    source: ImageSource = getattr(import_module(module), name)(entry)
    return source
