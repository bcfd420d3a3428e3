"""What a student costs in use, as a table: its plain backbone, the student, the CLIP."""

from collections.abc import Mapping, Sequence
from typing import Any

from clipit.artifacts.tables import read_json


def costs(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A table for each of `entries` ({"experiment", "file": what `measure_cost` wrote, "student": names of its run}).

    {"experiment", "about", "columns", "rounds", "how", "rows": [{"name", "about", "cells": [(figure, difference)]}]}; a
    difference is to the first row, the plain backbone, and empty there.
    """
    return [_table(entry, read_json(entry["file"])) for entry in entries]


def _table(entry: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    student, plain = entry["student"], measured["models"][0]
    threads = f"{measured['threads']} thread{'s' * (measured['threads'] != 1)}"
    return {
        "experiment": entry["experiment"],
        "about": f"{student['variant']}, seed {student['seed']}, of {student['dataset']}",
        "columns": ["parameters", "GFLOPs", *(f"ms, batch of {one['batch']}" for one in plain["latency"])],
        "rounds": " and ".join(str(one["rounds"]) for one in plain["latency"]),
        "how": f"{measured['processor']}, {threads}" if measured["device"] == "cpu" else measured["processor"],
        "rows": [
            {"name": name, "about": about, "cells": _cells(model, plain)}
            for model, (name, about) in zip(measured["models"], _names(student, measured), strict=True)
        ],
    }


def _names(student: Mapping[str, Any], measured: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the models are called, in the order of the file, and what they are."""
    return [
        (student["backbone"], "the plain backbone with one linear layer"),
        (student["variant"], "the student as it is exported"),
        (student["retriever"], "its image tower alone"),
        (
            student["retriever"],
            f"zero-shot: image tower, and text tower over the names of {measured['classes']} classes",
        ),
    ]


def _cells(model: Mapping[str, Any], plain: Mapping[str, Any]) -> list[tuple[str, str]]:
    first = model is plain
    counted = [
        (f"{model['parameters'] / 1e6:,.3g} M", _against(model["parameters"] / plain["parameters"], digits=2)),
        (f"{model['flops'] / 1e9:,.3g}", _against(model["flops"] / plain["flops"], digits=2)),
    ]
    timed = [(f"{one['ms']:,.3g}", f"{_against(one['ratio'])} {_interval(one)}") for one in model["latency"]]
    return [(figure, "" if first else difference) for figure, difference in [*counted, *timed]]


def _against(ratio: float, digits: int = 1) -> str:
    """+1.2%, or × 3.4 where it is more than twice as much."""
    return f"× {ratio:.3g}" if ratio > 2 else f"{100 * (ratio - 1):+z.{digits}f}%".replace("-", "−")


def _interval(one: Mapping[str, Any]) -> str:
    if one["ratio"] > 2:
        return f"[{one['low']:.3g}, {one['high']:.3g}]"
    return f"[{100 * (one['low'] - 1):+z.1f}, {100 * (one['high'] - 1):+z.1f}]".replace("-", "−")
