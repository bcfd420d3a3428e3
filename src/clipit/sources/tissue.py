"""Where on a slide there is tissue.

Otsu's threshold on the saturation (HSV) of a low-resolution overview after a median filter, as CLAM does: glass has no
colour, stained tissue has. The threshold is kept between bounds, since Otsu always finds two classes, also on an empty
slide and on one that is tissue all over.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage
from skimage.filters import threshold_otsu

OVERVIEW_MPP = 8.0
"""Microns per pixel of the overview that the mask is made from."""

LOWEST, HIGHEST = 15, 40
"""Bounds of the threshold on the saturation, of 255: dust and tinted glass stay below, pale stroma above."""

BLACK = 35
"""A pixel whose brightest channel is darker is no tissue: fill, or the edge of the scan."""

PEN = 60
"""By so much the blue of a blue pen exceeds the red; haematoxylin's does not, at the overview's resolution."""

SMALLEST, HOLE = 100.0, 200.0
"""Sides, in microns, of the squares whose areas the smallest piece of tissue and the smallest hole have."""

_MEDIAN = 5


def tissue_mask(overview: np.ndarray, mpp: float = OVERVIEW_MPP) -> np.ndarray:
    """Which pixels of `overview`, uint8 (height, width, 3), are tissue: bool (height, width).

    Args:
        overview: the slide at low resolution, RGB.
        mpp: microns per pixel of it.
    """
    saturation = Image.fromarray(overview).convert("HSV").getchannel(1)
    smooth = np.asarray(saturation.filter(ImageFilter.MedianFilter(_MEDIAN)))
    possible = ~_artefacts(overview)
    if not possible.any():
        return possible
    threshold = float(np.clip(threshold_otsu(smooth[possible]), LOWEST, HIGHEST))
    mask = possible & (smooth > threshold)
    mask = _holes_filled(mask, (HOLE / mpp) ** 2) & possible
    return _pieces(mask, (SMALLEST / mpp) ** 2)


def _artefacts(overview: np.ndarray) -> np.ndarray:
    """Black areas, and green and blue pen: colours that no H&E or DAB stain gives."""
    red, green, blue = (overview[..., channel].astype(np.int16) for channel in range(3))
    black = overview.max(axis=2) < BLACK
    green_pen = (green > red + PEN // 3) & (green > blue + PEN // 6)
    return black | green_pen | (blue > red + PEN)


def _pieces(mask: np.ndarray, area: float) -> np.ndarray:
    """`mask` without its connected pieces of fewer than `area` pixels."""
    pieces, _ = ndimage.label(mask)
    large = np.bincount(pieces.ravel()) >= area
    large[0] = False
    kept: np.ndarray = large[pieces]
    return kept


def _holes_filled(mask: np.ndarray, area: float) -> np.ndarray:
    """`mask` with the holes of fewer than `area` pixels; what reaches the border of the slide is no hole."""
    holes = ndimage.binary_fill_holes(mask) & ~mask
    filled: np.ndarray = mask | (holes & ~_pieces(holes, area))
    return filled


def tissue_shares(mask: np.ndarray, tiles: Sequence[tuple[int, int, int]], size: tuple[int, int]) -> np.ndarray:
    """The share of each tile that `mask` calls tissue, float64 (tiles,), exact for tiles that cut its pixels.

    Args:
        mask: bool (height, width), of the whole slide.
        tiles: (x, y, width) in level-0 pixels.
        size: (width, height) of the slide in level-0 pixels.
    """
    scale = np.array([[mask.shape[0] / size[1]], [mask.shape[1] / size[0]]])  # mask pixels a level-0 pixel
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1))
    sums[1:, 1:] = mask.cumsum(axis=0).cumsum(axis=1)

    def above_left(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        # The sum over all that is left of and above a point is bilinear within a pixel.
        found: np.ndarray = ndimage.map_coordinates(sums, np.stack([y, x]) * scale, order=1, mode="nearest")
        return found

    x, y, width = np.asarray(tiles, dtype=np.float64).T
    right, bottom = x + width, y + width
    inside = above_left(bottom, right) - above_left(bottom, x) - above_left(y, right) + above_left(y, x)
    # Rounded, so that a tile full of tissue reaches a share of 1.
    shares: np.ndarray = (inside / (width**2 * scale.prod())).round(9)
    return shares
