"""One slide at low resolution: its tissue, and the tiles that lie on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipit.sources.grid import grid_tiles, tile_side
from clipit.sources.image_source import BadImage
from clipit.sources.slide_image import Slide
from clipit.sources.tissue import OVERVIEW_MPP, tissue_mask, tissue_shares

NO_TISSUE = "no tissue found"

# Level-0 pixels an overview pixel where the resolution is unknown: that of a slide scanned at 0.25 microns per pixel.
_UNKNOWN = 32.0
_LARGEST = 16e6  # pixels of an overview
_ACROSS = 4  # overview pixels across a tile, at least
_TOO_COARSE = 1.2  # times the wanted microns per pixel
# Tiles are read in columns of so many pixels of their level: what two rows of tiles share stays in memory on any slide.
_COLUMN = 8192


@dataclass(frozen=True)
class Survey:
    """A slide at low resolution.

    Attributes:
        size: (width, height) in level-0 pixels.
        mpp: microns per pixel of level 0, None where unknown.
        overview: uint8 (height, width, 3).
        mask: bool (height, width), where tissue is.
        stored_mpp: microns per pixel of a stored tile, None where unknown.
        tiles: (x, y, width) in level-0 pixels of the tiles to keep, in the order in which they are best read.
    """

    size: tuple[int, int]
    mpp: float | None
    overview: np.ndarray
    mask: np.ndarray
    stored_mpp: float | None
    tiles: list[tuple[int, int, int]]


def survey(slide: Slide, mpp: float | None, entry: Mapping[str, Any]) -> Survey:
    """The tiles of `slide` that are tissue, for an entry of the catalog (config.datasets.SlidesDataset).

    Args:
        slide: an open slide.
        mpp: microns per pixel of level 0, None where unknown.
        entry: its `grid`, `size` and `min_tissue` are used.

    Raises:
        BadImage: part of it cannot be read, it is much coarser than wanted, or no tile is tissue.
    """
    wanted, size = entry["grid"]["mpp"], entry["size"]
    if mpp and wanted and mpp > _TOO_COARSE * wanted:
        raise BadImage(f"its {mpp:.3g} microns per pixel are coarser than the {wanted:g} of the grid")
    laid = grid_tiles(slide.width, slide.height, mpp, wanted, size, entry["grid"]["overlap"])
    if not laid:
        raise BadImage(f"smaller than one tile of {tile_side(mpp, wanted, size)} pixels")
    overview = slide.overview(_overview_downsample(slide, mpp, laid[0][2]))
    mask = tissue_mask(overview, OVERVIEW_MPP if mpp is None else mpp * slide.width / overview.shape[1])
    enough = tissue_shares(mask, laid, slide.levels[0]) >= entry["min_tissue"]
    kept = [tile for tile, tissue in zip(laid, enough, strict=True) if tissue]
    if not kept:
        raise BadImage(NO_TISSUE)
    column = _COLUMN * slide.downsamples[slide.level_for(laid[0][2] / size)]
    kept.sort(key=lambda tile: (tile[0] // column, tile[1], tile[0]))
    return Survey(slide.levels[0], mpp, overview, mask, wanted or mpp, kept)


def _overview_downsample(slide: Slide, mpp: float | None, width: int) -> float:
    downsample = min(OVERVIEW_MPP / mpp if mpp else _UNKNOWN, width / _ACROSS)
    return max(1.0, downsample, (slide.width * slide.height / _LARGEST) ** 0.5)
