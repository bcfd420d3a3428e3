"""What a model says of a slide, to look at: a picture, and tiles that QuPath opens."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from clipit.artifacts.atomic import atomic_path, write_text
from clipit.sources.slide_survey import Survey

_SIDE = 1400
"""The longer side of the picture, pixels."""

COLOURS = (
    (213, 94, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (120, 94, 240),
    (150, 75, 20), (64, 64, 64), (240, 228, 66),
)  # fmt: skip
"""Of the classes in turn: told apart by most colour-blind eyes, the first eight after Okabe and Ito (2008)."""

_STRONGEST = 0.75
_LINE = 32


def write_maps(
    name: Path,
    surveyed: Survey,
    origin: tuple[int, int],
    classes: Sequence[str],
    probabilities: np.ndarray,
) -> None:
    """Writes `name`.png and .geojson; `probabilities` are (tiles, C) of the survey's tiles, NaN for none."""
    with atomic_path(name.with_name(f"{name.name}.png")) as temporary:
        slide_map(surveyed, classes, probabilities).save(temporary, "PNG")
    write_text(name.with_name(f"{name.name}.geojson"), geojson(surveyed.tiles, origin, classes, probabilities))


def slide_map(surveyed: Survey, classes: Sequence[str], probabilities: np.ndarray) -> Image.Image:
    """The slide with each tile in the colour of its class, the stronger the surer; a legend below."""
    scale = _SIDE / max(surveyed.size)
    width, height = (max(1, round(side * scale)) for side in surveyed.size)
    small = Image.fromarray(surveyed.overview).resize((width, height), Image.Resampling.LANCZOS).convert("RGB")
    layer = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(layer)
    chance = 1 / len(classes)
    for (x, y, side), said in zip(surveyed.tiles, probabilities, strict=True):
        if not np.isnan(said).any():
            best = int(said.argmax())
            sure = (float(said[best]) - chance) / (1 - chance)
            # Up to the pixel before the next tile's first.
            box = (round(x * scale), round(y * scale), round((x + side) * scale) - 1, round((y + side) * scale) - 1)
            draw.rectangle(box, fill=(*COLOURS[best % len(COLOURS)], round(255 * _STRONGEST * sure)))
    legend = _legend(classes, probabilities, max(width, 360))
    page = Image.new("RGB", (legend.width, height + legend.height), "white")
    page.paste(Image.alpha_composite(small.convert("RGBA"), layer).convert("RGB"), (0, 0))
    page.paste(legend, (0, height))
    return page


def _legend(classes: Sequence[str], probabilities: np.ndarray, width: int) -> Image.Image:
    known = probabilities[~np.isnan(probabilities).any(axis=1)]
    counts = np.bincount(known.argmax(axis=1), minlength=len(classes)) if len(known) else np.zeros(len(classes), int)
    legend = Image.new("RGB", (width, _LINE * len(classes) + 16), "white")
    draw, font = ImageDraw.Draw(legend), ImageFont.load_default(22)
    for i, (name, count) in enumerate(zip(classes, counts, strict=True)):
        y = 8 + i * _LINE
        draw.rectangle((12, y + 4, 36, y + 28), fill=COLOURS[i % len(COLOURS)])
        share = f"{100 * count / max(1, len(known)):.0f}%"
        draw.text((48, y + 2), f"{name}: {count:,} tiles, {share}", fill=(30, 30, 30), font=font)
    return legend


def geojson(
    tiles: Sequence[tuple[int, int, int]],
    origin: tuple[int, int],
    classes: Sequence[str],
    probabilities: np.ndarray,
) -> str:
    """A FeatureCollection of squares, classified, in level-0 pixels from `origin`; measurements are probabilities."""
    features = []
    for (x, y, side), said in zip(tiles, probabilities, strict=True):
        if np.isnan(said).any():
            continue
        left, top, best = x - origin[0], y - origin[1], int(said.argmax())
        right, bottom = left + side, top + side
        ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {
                    "objectType": "tile",
                    "classification": {"name": classes[best], "color": list(COLOURS[best % len(COLOURS)])},
                    "measurements": {f"p {name}": round(float(p), 6) for name, p in zip(classes, said, strict=True)},
                },
            }
        )
    return json.dumps({"type": "FeatureCollection", "features": features}) + "\n"
