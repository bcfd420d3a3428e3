"""A whole slide of any format as a pyramid of RGB levels."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from clipit.sources.image_source import BadImage

# A level that is coarser than wanted by less than this is taken for the wanted one: sizes of levels are rounded.
_ALIKE = 1.01
# Level pixels of a side of the pieces that an overview is made from.
_PIECE = 2048


@dataclass(frozen=True)
class Slide:
    """An open slide.

    Attributes:
        levels: (width, height) of each level in pixels, the finest first.
        mpp: microns per pixel of level 0 by the file's own word, None where it says none.
        origin: corner of the scanned area in level-0 pixels, from where some programs count.
        read: `read(level, x, y, width, height)`, all in pixels of the level, gives uint8 (height, width, 3), white
            where the slide has no pixels; callable from several threads; raises `BadImage`.
        close: releases the file.
    """

    levels: tuple[tuple[int, int], ...]
    mpp: float | None
    origin: tuple[int, int]
    read: Callable[[int, int, int, int, int], np.ndarray]
    close: Callable[[], None]

    @property
    def width(self) -> int:
        """Width of level 0 in pixels."""
        return self.levels[0][0]

    @property
    def height(self) -> int:
        """Height of level 0 in pixels."""
        return self.levels[0][1]

    @cached_property
    def downsamples(self) -> list[float]:
        """Level-0 pixels a pixel of each level."""
        return [_downsample(self.levels[0], level) for level in self.levels]

    def level_for(self, downsample: float) -> int:
        """The coarsest level that is not coarser than `downsample` level-0 pixels a pixel."""
        return max(
            (i for i, found in enumerate(self.downsamples) if found <= downsample * _ALIKE),
            key=self.downsamples.__getitem__,
            default=0,
        )

    def square(self, x: int, y: int, width: int, size: int) -> np.ndarray:
        """The square of side `width` at (x, y), level-0 pixels, as uint8 (size, size, 3).

        Read from the coarsest level that is fine enough, and resized (Lanczos, antialiased) where that has another
        resolution.
        """
        level = self.level_for(width / size)
        downsample = self.downsamples[level]
        left, top, side = x / downsample, y / downsample, width / downsample
        x0, y0 = math.floor(left), math.floor(top)
        pixels = self.read(level, x0, y0, math.ceil(left + side) - x0, math.ceil(top + side) - y0)
        box = (left - x0, top - y0, left - x0 + side, top - y0 + side)
        if box == (0, 0, size, size):
            return pixels
        return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS, box=box))

    def overview(self, downsample: float) -> np.ndarray:
        """The whole slide, uint8 (height, width, 3), about `downsample` level-0 pixels a pixel, averaged over areas.

        Made piece by piece, so that slides without coarse levels do not fill the memory.
        """
        width, height = (max(1, round(side / downsample)) for side in self.levels[0])
        level = self.level_for(downsample)
        x_scale, y_scale = self.levels[level][0] / width, self.levels[level][1] / height
        step = max(1, int(_PIECE / max(x_scale, y_scale)))
        made = np.empty((height, width, 3), np.uint8)
        for y in range(0, height, step):
            for x in range(0, width, step):
                target = made[y : y + step, x : x + step]
                left, top = x * x_scale, y * y_scale
                right, bottom = left + target.shape[1] * x_scale, top + target.shape[0] * y_scale
                x0, y0 = int(left), int(top)
                pixels = self.read(level, x0, y0, math.ceil(right) - x0, math.ceil(bottom) - y0)
                box = (left - x0, top - y0, right - x0, bottom - y0)
                size = target.shape[1], target.shape[0]
                target[:] = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX, box=box))
        return made


def _downsample(finest: tuple[int, int], level: tuple[int, int]) -> float:
    """Exact where the sizes are those of a whole factor, rounded up or down; else by the sizes."""
    factor = round(finest[0] / level[0])
    if all(abs(side - full / factor) < 1 for side, full in zip(level, finest, strict=True)):
        return float(factor)
    return (finest[0] / level[0] + finest[1] / level[1]) / 2


def plausible_mpp(mpp: float | None) -> float | None:
    """`mpp` if a microscope can have it: a TIFF's "72 dots per inch" is a printer's default, not a resolution."""
    return mpp if mpp is not None and 0.02 < mpp < 20 else None


def open_slide(path: Path) -> Slide:
    """Opens a slide: a TIFF (SVS and OME-TIFF are) with tiffslide; other formats, and what is left, with OpenSlide.

    Raises:
        BadImage: neither can read it; the reason holds no path.
    """
    from clipit.sources.slide_openslide import open_with_openslide
    from clipit.sources.slide_tiff import open_with_tiffslide

    if not path.is_file():
        raise BadImage("file not found")
    if path.suffix.lower() not in (".svs", ".tif", ".tiff"):
        return open_with_openslide(path)
    try:
        return open_with_tiffslide(path)
    except BadImage as first:
        try:
            return open_with_openslide(path)
        except BadImage as second:
            raise BadImage(f"{first}; {second}") from second
