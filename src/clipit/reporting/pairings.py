"""The table of pairings on the page: figures, agreement, and hubs against how often the reports are right."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from clipit.artifacts.tables import read_json
from clipit.pairing.compare_text import about, agreement_names, agreement_shares, layout
from clipit.reporting.svg import COLOURS, INK, drawing, inline
from clipit.statistics.wording import shared_labels

_MARKERS = "osD^v<>P*Xh"
_ACROSS = {"top_hub_share": "top hub, % of images", "coverage": "coverage, % of reports"}
_SIGNS = {"better": "▲", "not_shown": "●", "missing": "○"}


def pairings(path: str | Path, name: str) -> dict[str, Any]:
    """The JSON of `pairing.compare` as what the template draws; `name` is the experiment's."""
    table = read_json(path)
    header, body = layout(table)
    return {
        "shared": shared_labels(table),
        "header": header,
        "labels": sum(heading in table["columns"] for heading in header),
        "body": [[_split(cell) for cell in cells] for cells in body],
        "verdicts": [
            (_SIGNS[verdict["outcome"]], about(table, verdict["row"]) + verdict["text"])
            for verdict in table["verdicts"]
        ],
        "notes": table["notes"],
        "matrices": [_matrix(table, block) for block in table["agreement"] if len(block["names"]) > 1],
        "hubs": [figure for block in table["agreement"] if (figure := _hubs(table, block["row"], name))],
    }


def _split(cell: str) -> tuple[str, str]:
    """A value, and what stands in brackets after it, which the page sets below."""
    value, bracket, rest = re.match(r"(.*?)(?: ([\[(])(.*))?$", cell).groups("")  # type: ignore[union-attr]
    return value, bracket + rest


def _matrix(table: Mapping[str, Any], block: Mapping[str, Any]) -> dict[str, Any]:
    names = agreement_names(block)
    rows = [{"name": name, "cells": cells} for name, cells in zip(names, agreement_shares(block), strict=True)]
    title = about(table, block["row"]).removesuffix(": ")
    return {"title": title, "names": names, "rows": rows, "n_images": block["n_images"]}


def _hubs(table: Mapping[str, Any], context: Mapping[str, str], name: str) -> Markup | None:
    """Top-hub share and coverage against the share of right findings, or of labels told where no truth is known.

    None where there is a single point, or no such share.
    """
    lines = [line for line in table["rows"] if context.items() <= line["row"].items()]
    what, heights = _heights(lines)
    names = agreement_names({"names": [line["row"] for line in lines]})
    points: dict[tuple[float, ...], list[tuple[str, Mapping[str, Any]]]] = {}  # what lies at one place shares a mark
    for line, height, called in zip(lines, heights, names, strict=True):
        if height is not None:
            place = tuple(round(100 * value, 2) for value in (*(line[key] for key in _ACROSS), height))
            points.setdefault(place, []).append((called, line))
    if len(points) < 2:
        return None
    with drawing(f"{name} hubs"):
        figure = Figure(figsize=(7.2, 3.2 + 0.12 * len(points)), layout="constrained")
        for column, (axes, title) in enumerate(zip(figure.subplots(1, 2, sharey=True), _ACROSS.values(), strict=True)):
            axes.set_xlabel(title)
            axes.grid(alpha=0.15, color=INK)
            for number, (place, alike) in enumerate(points.items()):
                look = {"color": COLOURS[number % len(COLOURS)], "marker": _MARKERS[number % len(_MARKERS)]}
                label = ", ".join(called for called, _ in alike)
                axes.plot(place[column], place[-1], **look, linestyle="", markersize=8, label=label)
                if precision := alike[0][1]["precision"]:
                    bounds = [100 * precision[end] for end in ("low", "high")]
                    axes.plot([place[column]] * 2, bounds, color=look["color"], linewidth=1, alpha=0.6)
            axes.set_xlim(0, 1.08 * max(place[column] for place in points))
        figure.axes[0].set_ylim(bottom=0)
        figure.axes[0].set_ylabel(what)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=3, frameon=False)
        said = f"Top hub and coverage against {what} for {', '.join(labels)}; the numbers stand in the table above."
        return inline(figure, said)


def _heights(lines: Sequence[Mapping[str, Any]]) -> tuple[str, list[float | None]]:
    """What tells how good the pairings are, and its value for each."""
    if any(line["precision"] for line in lines):
        return "right finding, % of test images", [line["precision"] and line["precision"]["value"] for line in lines]
    agreements = [line["label_agreement"] for line in lines]
    return "labels told by other patients' images, %", [found and found["leave_one_out"] for found in agreements]
