"""What a model's map of a patch looks like: the patch in grey, and over it in one hue what speaks for the class."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from clipit.artifacts.schemas import attributions as schema
from clipit.artifacts.tables import Stored, agree, read_table
from clipit.reporting.montage import SIDE
from clipit.runtime.errors import UserError

# Okabe and Ito's vermilion against grey: told apart by every kind of colour vision, and darker than the grey in print.
_HUE = np.array([213, 94, 0]) / 255
_FADED = 0.6
"""What black becomes in the grey patch, so that the hue stands out and the tissue is still seen under it."""
_FULL = 0.98
"""Share of the cells below the tint's full strength: one outlying cell must not pale all others."""
_QUALITY = 80
_PLACES = (
    ("the upper left", "the top", "the upper right"),
    ("the left", "the middle", "the right"),
    ("the lower left", "the bottom", "the lower right"),
)


@dataclass(frozen=True)
class Attributions:
    """The maps of the patches that are shown.

    Attributes:
        path: where they were read.
        of: the rows of each patch, one a model.
        facts: what a reader has to know of them all: "seeds" of each variant, "steps", "side", and "missed", the mean
            share of the difference to be explained by which the maps' sums miss it.
    """

    path: Path
    of: dict[str, list[dict[str, Any]]]
    facts: dict[str, Any]


def read_attributions(path: str | Path, beside: Sequence[Stored]) -> Attributions:
    """The maps at `path`, which must belong to the tables `beside`.

    Raises:
        UserError: they do not.
    """
    stored = read_table(path, schema.SCHEMA)
    agree(stored.without_rows(), *beside)
    rows, found = stored.table.to_pylist(), dict[str, list[dict[str, Any]]]()
    for row in rows:
        found.setdefault(row["patch_id"], []).append({**row, "class": stored.meta["classes"][row["class"]]})
    explained = sum(abs(row["change"]) for row in rows)
    facts = {
        "seeds": stored.meta["seeds"],
        "steps": stored.meta["steps"],
        "side": round(len(rows[0]["map"]) ** 0.5) if rows else None,
        "missed": sum(abs(row["error"]) for row in rows) / explained if explained else 0.0,
    }
    return Attributions(stored.path, found, facts)


def pictures(attributions: Attributions, name: str, patch: np.ndarray) -> list[dict[str, str]]:
    """[{"variant", "class", "probability", "where": in words, "image": data URI}] of the `patch`, uint8 (s, s, 3).

    Raises:
        UserError: there is no map of it.
    """
    if name not in attributions.of:
        raise UserError(f"{attributions.path} has no map of patch {name!r}: delete it and run snakemake again")
    shown = []
    for row in attributions.of[name]:
        cells = np.array(row["map"], dtype=np.float32).reshape(2 * (round(len(row["map"]) ** 0.5),))
        shown.append(
            {
                "variant": row["variant"],
                "class": row["class"],
                "probability": f"{100 * row['probability']:.0f}%",
                "where": where(cells),
                "image": _data_uri(overlay(patch, cells)),
            }
        )
    return shown


def overlay(patch: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The patch, uint8 (s, s, 3), in grey, tinted as far as `cells`, (k, k), are positive: uint8, at most 160 a side.

    The largest 2% of the cells are tinted fully; negative ones are left grey.
    """
    image = Image.fromarray(patch).convert("L")
    image.thumbnail((SIDE, SIDE))
    grey = _FADED + (1 - _FADED) * np.asarray(image, dtype=np.float64) / 255
    positive = np.maximum(cells, 0)
    full = float(np.quantile(positive, _FULL) or positive.max()) or 1.0
    spread = Image.fromarray(np.minimum(positive / full, 1).astype(np.float32))
    tint = np.asarray(spread.resize(image.size, Image.Resampling.BILINEAR), dtype=np.float64)[..., None]
    # Multiplied like ink on paper: what lies beneath stays visible, and more is always darker.
    inked = grey[..., None] * (1 - tint * (1 - _HUE))
    return (255 * inked).round().astype(np.uint8)


def where(cells: np.ndarray) -> str:
    """In which ninth of the patch most of what is positive lies, in words."""
    positive = np.maximum(cells, 0)
    if not positive.any():
        return "nowhere"
    thirds = np.round(np.arange(min(3, len(cells))) * len(cells) / 3).astype(int)
    sums = np.add.reduceat(np.add.reduceat(positive, thirds, axis=0), thirds, axis=1)
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    return _PLACES[row][column]


def _data_uri(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="WEBP", quality=_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
