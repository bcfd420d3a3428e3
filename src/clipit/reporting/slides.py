"""The whole slides of a data set: pictures of what was kept of the first ones, and those that cannot be used."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clipit.artifacts.schemas import slides as schema
from clipit.artifacts.tables import read_table

SHOWN = 12


def slides(files: Sequence[Mapping[str, str | Path]]) -> list[dict[str, Any]]:
    """[{"dataset", "summary", "pictures": [{"name", "image": data URI, "about"}], "unusable": [(name, reason)]}].

    `files` are {"dataset", "slides": path}; of each data set the first 12 slides and unusable slides are shown.
    """
    return [_of_dataset(str(file["dataset"]), file["slides"]) for file in files]


def _of_dataset(dataset: str, path: str | Path) -> dict[str, Any]:
    rows = read_table(path, schema.SCHEMA).table.to_pylist()
    usable = [row for row in rows if row["reason"] is None]
    unusable = [row for row in rows if row["reason"] is not None]
    tiles = sum(row["tiles"] for row in rows)
    return {
        "dataset": dataset,
        "summary": f"{_count(len(rows), 'slide')} with {_count(tiles, 'tile')}"
        + (f"; the first {SHOWN} are shown" if len(usable) > SHOWN else ""),
        "pictures": [{"name": row["slide"], "image": _data_uri(row), "about": _about(row)} for row in usable[:SHOWN]],
        "unusable": [(row["slide"], row["reason"]) for row in unusable[:SHOWN]],
        "more_unusable": max(0, len(unusable) - SHOWN),
    }


def _about(row: Mapping[str, Any]) -> str:
    parts = [_count(row["tiles"], "tile"), f"{row['tissue']:.0%} tissue", f"{row['width']:,} × {row['height']:,} px"]
    return " · ".join([*parts, *([f"{row['mpp']:.3g} µm per px"] if row["mpp"] else [])])


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _data_uri(row: Mapping[str, Any]) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(row['thumbnail']).decode()}"
