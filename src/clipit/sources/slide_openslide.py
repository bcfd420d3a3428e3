"""Slides that OpenSlide reads: MRXS, NDPI, SCN, BIF and other vendors' formats."""

from pathlib import Path

import numpy as np
import openslide
from PIL import Image

from clipit.sources.image_source import BadImage
from clipit.sources.slide_image import Slide, plausible_mpp

_CACHE_BYTES = 64_000_000


def open_with_openslide(path: Path) -> Slide:
    """The slide at `path`.

    Raises:
        BadImage: OpenSlide cannot read it.
    """
    try:
        pixels = _Pixels(path)
    except (openslide.OpenSlideError, OSError) as error:
        raise BadImage("no slide that OpenSlide can open") from error
    slide = pixels.slide
    corner = (int(slide.properties.get(f"openslide.bounds-{axis}", 0)) for axis in "xy")
    return Slide(slide.level_dimensions, _mpp(slide), (next(corner), next(corner)), pixels.read, pixels.close)


class _Pixels:
    """Reads regions of one slide. After an error OpenSlide refuses all else, so the slide is opened anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cache = openslide.OpenSlideCache(_CACHE_BYTES)
        self.slide = self._opened()
        self._downsamples = self.slide.level_downsamples
        self._ground = f"#{self.slide.properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR, 'ffffff')}"

    def _opened(self) -> openslide.OpenSlide:
        slide = openslide.OpenSlide(self._path)
        slide.set_cache(self._cache)
        return slide

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        at = round(x * self._downsamples[level]), round(y * self._downsamples[level])
        try:
            region = self.slide.read_region(at, level, (width, height))
        except openslide.OpenSlideError:  # here, or before in another thread
            fresh = self._opened()
            try:
                region = fresh.read_region(at, level, (width, height))
            except openslide.OpenSlideError as error:
                raise BadImage("part of the slide cannot be decoded (OpenSlideError)") from error
            self.slide = fresh
        ground = Image.new("RGB", region.size, self._ground)
        ground.paste(region, mask=region)  # transparent where nothing was scanned
        return np.asarray(ground)

    def close(self) -> None:
        self.slide.close()


def _mpp(slide: openslide.OpenSlide) -> float | None:
    try:
        x, y = (float(slide.properties[f"openslide.mpp-{axis}"]) for axis in "xy")
    except (KeyError, ValueError):
        return None
    return plausible_mpp((x + y) / 2)
