"""Slides in TIFF files: SVS, OME-TIFF and other tiled pyramids.

tiffslide tells what is in the file. Its `read_region` decodes a TIFF tile anew for every patch that touches it, so the
tiles are decoded here instead, with the same library underneath (tifffile), and kept while neighbours need them.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import tiffslide
from tifffile import TiffPage

from clipit.sources.image_source import BadImage
from clipit.sources.slide_cache import Key, TileCache
from clipit.sources.slide_image import Slide, plausible_mpp
from clipit.sources.xml_text import parse_xml

_CACHE_BYTES = 48_000_000
_LARGEST_PIECE = 64_000_000  # bytes of one decoded tile or strip
_YCBCR_JPEG2000 = 33003  # its colours are converted by OpenSlide, not by tifffile
_PER_MICRON = {"µm": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4}


def open_with_tiffslide(path: Path) -> Slide:
    """The slide at `path`.

    Raises:
        BadImage: it is no TIFF, or none of 8-bit RGB in tiles.
    """
    try:
        with tiffslide.TiffSlide(path) as slide:
            return _read_levels(path, slide)
    except BadImage:
        raise
    except Exception as error:  # a damaged file fails anywhere in the parsers
        raise BadImage("no TIFF that tiffslide can open") from error


def _read_levels(path: Path, slide: tiffslide.TiffSlide) -> Slide:
    properties = slide.properties
    if properties.get("tiffslide.series-composition"):
        raise BadImage("a TIFF of several scanned areas")
    series = slide.ts_tifffile.series[properties["tiffslide.series-index"]]
    levels = [_Level(list(level.pages), level.axes) for level in series.levels]
    across, down = (properties[f"tiffslide.mpp-{axis}"] for axis in "xy")
    mpp = plausible_mpp((across + down) / 2 if across and down else None)
    mpp = mpp or plausible_mpp(_ome_mpp(slide.ts_tifffile.ome_metadata))
    file = os.open(path, os.O_RDONLY)
    cache = TileCache(lambda key: levels[key[0]].decode(file, key[1]), _CACHE_BYTES)

    def read(level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        return levels[level].assemble(level, cache, x, y, width, height)

    return Slide(slide.level_dimensions, mpp, (0, 0), read, lambda: os.close(file))


class _Level:
    """One level: its tiles (or strips), numbered row by row, in one page or in one a colour."""

    def __init__(self, pages: list[Any], axes: str) -> None:
        first: TiffPage = pages[0].keyframe
        chunky = axes == "YXS" and len(pages) == 1 and first.samplesperpixel >= 3 and first.planarconfig == 1
        planes = axes == "CYX" and len(pages) == 3 and first.samplesperpixel == 1
        if first.dtype != np.uint8 or not (chunky or planes) or first.compression == _YCBCR_JPEG2000:
            raise BadImage(f"no TIFF of 8-bit RGB (axes {axes}, {first.dtype}, compression {first.compression})")
        self.height, self.width = first.imagelength, first.imagewidth
        self._tile = first.chunks[:2]
        self._across = first.chunked[1]
        if self._tile[0] * self._tile[1] * 3 > _LARGEST_PIECE:
            raise BadImage("stored in one piece, not in tiles: save it as a tiled pyramid")
        # Taken now, as the file that tifffile reads them from is closed soon.
        self._decoders = [(page.decode, page.dataoffsets, page.databytecounts, page.jpegtables) for page in pages]

    def decode(self, file: int, index: int) -> np.ndarray:
        """Tile `index`, uint8 (height, width, 3), white where the file has none."""
        planes = []
        for decode, offsets, lengths, tables in self._decoders:
            if not lengths[index]:
                return np.full((*self._tile, 3), 255, np.uint8)
            planes.append(decode(os.pread(file, lengths[index], offsets[index]), index, jpegtables=tables)[0][0])
        return planes[0][..., :3] if len(planes) == 1 else np.concatenate(planes, axis=2)

    def assemble(self, level: int, cache: TileCache, x: int, y: int, width: int, height: int) -> np.ndarray:
        """A region from its tiles; white outside the level."""
        region = np.full((height, width, 3), 255, np.uint8)
        right, bottom = min(x + width, self.width), min(y + height, self.height)
        tile_height, tile_width = self._tile
        for row in range(max(y, 0) // tile_height, -(-bottom // tile_height)):
            for column in range(max(x, 0) // tile_width, -(-right // tile_width)):
                tile = self._cached(cache, (level, row * self._across + column))
                _paste(tile, column * tile_width, row * tile_height, region[: bottom - y, : right - x], x, y)
        return region

    @staticmethod
    def _cached(cache: TileCache, key: Key) -> np.ndarray:
        try:
            return cache.get(key)
        except Exception as error:  # every codec has errors of its own
            raise BadImage(f"part of the slide cannot be decoded ({type(error).__name__})") from error


def _paste(tile: np.ndarray, tile_x: int, tile_y: int, region: np.ndarray, x: int, y: int) -> None:
    """Copies what `tile` (its corner at tile_x, tile_y) and `region` (at x, y) share into the region."""
    x0, y0 = max(tile_x, x), max(tile_y, y)
    x1 = min(tile_x + tile.shape[1], x + region.shape[1])
    y1 = min(tile_y + tile.shape[0], y + region.shape[0])
    if x1 > x0 and y1 > y0:
        region[y0 - y : y1 - y, x0 - x : x1 - x] = tile[y0 - tile_y : y1 - tile_y, x0 - tile_x : x1 - tile_x]


def _ome_mpp(description: str | None) -> float | None:
    """The pixel size in OME-XML, where resolution tags are missing."""
    if not description:
        return None
    try:
        pixels = next(element for element in parse_xml(description).iter() if element.tag.endswith("}Pixels"))
        sizes = [float(pixels.attrib[f"PhysicalSize{axis}"]) for axis in "XY"]
        units = [_PER_MICRON[pixels.attrib.get(f"PhysicalSize{axis}Unit", "µm")] for axis in "XY"]
    except (KeyError, StopIteration, ValueError):
        return None
    return sum(size * unit for size, unit in zip(sizes, units, strict=True)) / 2
