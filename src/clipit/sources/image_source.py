"""What tiling asks of a data set, whatever it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


class BadImage(Exception):
    """An image that cannot be used; its message is the reason, shown to the user."""


@dataclass(frozen=True)
class Item:
    """One patch to come, before any pixel is decoded; `x`, `y`, `width` in level-0 pixels, width 0 = whole image."""

    patch_id: str
    source: str
    group: str | None = None
    x: int = 0
    y: int = 0
    width: int = 0
    mpp: float | None = None


@dataclass(frozen=True)
class Labels:
    """Class names in order, and the class of each patch (index into `classes`, None = unlabelled)."""

    classes: list[str]
    of: Mapping[str, int | None] = field(default_factory=dict)


class ImageSource(Protocol):
    """A data set's images, in a fixed order, and what is known of them."""

    def items(self) -> list[Item]:
        """Every patch, in the store's order."""

    def pixels(self, index: int) -> np.ndarray:
        """The patch `items()[index]`, uint8 (size, size, 3); raises `BadImage`."""

    def splits(self) -> dict[str, str]:
        """Split of each patch: train, val or test."""

    def labels(self) -> Labels:
        """The labels of every patch, before any is held back."""

    def captions(self) -> dict[str, str]:
        """Caption of each patch, where the data set has captions; else empty."""

    def findings(self) -> dict[str, int]:
        """The phantom's latent finding of each patch; empty for real data."""


def open_images(entry: Mapping[str, Any]) -> ImageSource:
    """The source that a catalog entry describes."""
    if entry["source"] == "phantom":
        from clipit.sources.phantom.images import PhantomImages

        return PhantomImages(entry)
    if entry["source"] == "captioned":
        from clipit.sources.captioned import CaptionedImages

        return CaptionedImages(entry)
    from clipit.sources.folder import FolderImages

    return FolderImages(entry)
