"""Pictures of whole slides: where tissue was found, and which tiles were kept."""

import io
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import patches, slides
from clipit.artifacts.tables import read_table, write_table
from clipit.runtime.progress import Progress
from clipit.sources.image_source import BadImage, Item
from clipit.sources.in_order import in_order
from clipit.sources.slide_survey import Survey
from clipit.sources.slides import SlideImages
from clipit.tiling.listed import stored_items

_SIDE = 600  # the longer side of a picture, pixels
_LEAST_TILE = 8  # side of a tile in the picture from which on its outline is drawn, pixels
_TISSUE, _TILE = (0, 105, 92), (20, 60, 160, 110)
_FADED = 0.55
_QUALITY = 80


def draw_slides(entry: Mapping[str, Any], patches_file: Path, out: Path, *, threads: int = 1, origin: Origin) -> None:
    """Writes a row for every slide of a data set (schema `slides`), with a picture of what was kept of it."""
    stored = read_table(patches_file, patches.SCHEMA)
    images = SlideImages(entry)
    kept: dict[str, list[Item]] = defaultdict(list)
    for item in stored_items(stored):
        kept[item.source].append(item)

    def describe(name: str) -> dict[str, Any]:
        try:
            return _row(name, images.survey(name), kept[name])
        except BadImage as reason:
            return dict.fromkeys(slides.SCHEMA.names) | {"slide": name, "tiles": len(kept[name]), "reason": str(reason)}

    rows = []
    with Progress("draw slides", len(images.names()), "slides") as progress:
        for row in in_order(describe, images.names(), threads):
            rows.append(row)
            progress.advance()
    columns = {name: [row[name] for row in rows] for name in slides.SCHEMA.names}
    provenance = origin.provenance(lineage=stored.lineage, inputs={"patches": patches_file})
    write_table(out, columns, slides.SCHEMA, provenance)


def _row(name: str, surveyed: Survey, tiles: list[Item]) -> dict[str, Any]:
    return {
        "slide": name,
        "width": surveyed.size[0],
        "height": surveyed.size[1],
        "mpp": surveyed.mpp,
        "tissue": float(surveyed.mask.mean()),
        "tiles": len(tiles),
        "reason": None,
        "thumbnail": _jpeg(picture(surveyed, tiles)),
    }


def picture(surveyed: Survey, tiles: list[Item]) -> Image.Image:
    """The slide, its longer side 600 pixels, with the tissue outlined and the kept tiles drawn; the rest is faded."""
    scale = _SIDE / max(surveyed.size)
    width, height = (max(1, round(side * scale)) for side in surveyed.size)
    small = Image.fromarray(surveyed.overview).resize((width, height), Image.Resampling.LANCZOS)
    lit = Image.new("L", (width, height), round(255 * _FADED))
    corners = [[round(at * scale) for at in (t.x, t.y, t.x + t.width, t.y + t.width)] for t in tiles]
    marks = ImageDraw.Draw(lit)
    for x0, y0, x1, y1 in corners:
        marks.rectangle((x0, y0, x1, y1), fill=255)
    drawn = Image.composite(small, Image.new("RGB", small.size, "white"), lit)
    if tiles and tiles[0].width * scale >= _LEAST_TILE:  # else there would be nothing but lines
        grid = ImageDraw.Draw(drawn, "RGBA")
        for box in corners:
            grid.rectangle(box, outline=_TILE)
    pixels = np.array(drawn)
    mask = Image.fromarray(surveyed.mask.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BILINEAR)
    pixels[_outline(np.asarray(mask) > 127)] = _TISSUE
    return Image.fromarray(pixels)


def _outline(mask: np.ndarray) -> np.ndarray:
    """The pixels just inside and outside the edge of `mask`, bool (height, width)."""
    edge: np.ndarray = ndimage.binary_dilation(mask) & ~ndimage.binary_erosion(mask, border_value=1)
    return edge


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()
