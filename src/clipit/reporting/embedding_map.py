"""Where test patches lie before and after training: two drawings that the template makes, and figures beside them."""

from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.schemas import embedding_map as schema
from clipit.artifacts.tables import read_table
from clipit.reporting.svg import COLOURS

WIDTH, MARGIN = 600, 12
# Paths around a point, with the width of their line. With seven colours no two of 63 classes look alike, and the shape
# alone tells nine apart.
_SHAPES = (
    ("h0", 9), ("m-4-4h8v8h-8z", 0), ("m0-6l6 10h-12z", 0), ("m0-6l6 6-6 6-6-6z", 0), ("m-5 0h10m-5-5v10", 2.5),
    ("m-4-4l8 8m0-8l-8 8", 2.5), ("m0 6l6-10h-12z", 0), ("m-5 0h10", 4), ("m0-5v10", 4),
)  # fmt: skip


def embedding_map(path: str | Path) -> dict[str, Any]:
    """{"plots": before and after, "classes": the legend, …} of the table at `path`.

    A plot is {"when", "paths": SVG of each class, "variance": of either axis, "agreement", "chance": in percent, or
    None}; both axes of a plot have the same scale, and both plots the same height.
    """
    stored = read_table(path, schema.SCHEMA)
    meta, table = stored.meta, stored.table
    label = table.column("label").to_numpy()
    present = [number for number in range(len(meta["classes"])) if (label == number).any()]
    placed = {
        when: _placed(np.stack([table.column(f"{when}_{axis}").to_numpy() for axis in "xy"], axis=1))
        for when in ("before", "after")
    }
    height = max(int(points[:, 1].max()) for points in placed.values()) + MARGIN
    plots = []
    for when, points in placed.items():
        measured = meta[when]
        paths = [
            {"d": "".join(f"M{x} {y}{_shape(number)}" for x, y in points[label == number])} | _look(number)
            for number in present
        ]
        shares = {
            name: None if measured[name] is None else f"{100 * measured[name]:.0f}%" for name in ("agreement", "chance")
        }
        variance = [f"{100 * share:.0f}%" for share in measured["variance"]]
        plots.append({"when": when, "paths": paths, "variance": variance, **shares})
    legend = [{"name": meta["classes"][number], "d": f"M9 9{_shape(number)}"} | _look(number) for number in present]
    facts = {name: meta[name] for name in ("variant", "seed", "n", "neighbours", "grouped")}
    return {"plots": plots, "classes": legend, "shown": len(label), "width": WIDTH, "height": height, **facts}


def _placed(points: np.ndarray) -> np.ndarray:
    """Points, (n, 2), as whole units of the drawing, which is as wide as they are and upside down: int64 (n, 2)."""
    points = points.astype(np.float64) * [1, -1]
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (WIDTH - 2 * MARGIN) / (float((high - low).max()) or 1.0)
    middle = [(WIDTH - scale * (high - low)[0]) / 2, MARGIN]
    placed: np.ndarray = (middle + scale * (points - low)).round().astype(np.int64)
    return placed


def _shape(number: int) -> str:
    return _SHAPES[number % len(_SHAPES)][0]


def _look(number: int) -> dict[str, Any]:
    return {"colour": COLOURS[number % len(COLOURS)], "line": _SHAPES[number % len(_SHAPES)][1]}
