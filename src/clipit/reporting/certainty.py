"""How sure the models are, and how well they tell classes apart: reliability diagrams and ROC curves, inline SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from clipit.artifacts.tables import read_json
from clipit.reporting.forest import row_labels
from clipit.reporting.svg import INK, drawing, inline, looks
from clipit.statistics.wording import varying_columns

_MOST = 6
"""Lines that an eye can follow; the primary variants come first, then the table's order."""

_FEWEST = 20
"""Items of a bin below which its share right is little but chance."""

Splits = list[Mapping[str, Any]]


def certainties(
    runs: Sequence[Mapping[str, Any]], table: Mapping[str, Any], name: str
) -> list[tuple[str, Markup, list[str]]]:
    """(labels, drawing, variants that are not drawn) of each row of a comparison."""
    varying, primary = varying_columns(table), table["primary"]
    rows: dict[str, dict[str, Splits]] = {}
    for run in runs:
        found = rows.setdefault(row_labels(run["row"], varying), {})
        found.setdefault(run["variant"], []).append(read_json(run["metrics"])["splits"]["test"])
    drawn = []
    for labels, variants in rows.items():
        order = sorted(variants, key=lambda variant: variant not in primary)
        shown = {variant: variants[variant] for variant in order[:_MOST]}
        drawn.append((labels, certainty(shown, looks(table), f"{name} certainty {labels}".strip()), order[_MOST:]))
    return drawn


def certainty(variants: Mapping[str, Splits], look_of: Mapping[str, Mapping[str, Any]], name: str) -> Markup:
    """Reliability on the left, ROC on the right, a line a variant, all its seeds together."""
    with drawing(name):
        figure = Figure(figsize=(7.6, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes, title, x, y in (
            (left, "is it as often right as it is sure?", "mean probability of the class said", "share right"),
            (right, "ROC, mean of each class against the rest", "false positive rate", "true positive rate"),
        ):
            axes.set_title(title, loc="left", fontsize=10)
            axes.set_xlabel(x)
            axes.set_ylabel(y)
            axes.plot([0, 1], [0, 1], color=INK, alpha=0.3, linewidth=1)
            axes.grid(alpha=0.15, color=INK)
            axes.set_aspect("equal")
        for variant, splits in variants.items():
            look: Any = look_of[variant]
            confidence, accuracy = reliability(splits)
            left.plot(confidence, accuracy, **look, marker="o", markersize=3, label=variant)
            if (curve := roc(splits)) is not None:
                right.plot(np.linspace(0, 1, len(curve)), curve, **look)
        figure.legend(loc="outside lower left", ncols=3, frameon=False)
        label = f"Reliability and ROC of {', '.join(variants)}; the numbers stand in each run's metrics.json."
        return inline(figure, label)


def reliability(splits: Splits) -> tuple[np.ndarray, np.ndarray]:
    """Mean confidence and share right of each bin of at least 20 items, those of all seeds together."""
    bins: dict[float, list[tuple[int, float, float]]] = {}
    for split in splits:
        for one in split["calibration"]:
            bins.setdefault(one["middle"], []).append((one["n"], one["confidence"], one["accuracy"]))
    full = [np.array(bins[middle]) for middle in sorted(bins) if sum(n for n, _, _ in bins[middle]) >= _FEWEST]
    found = [np.average(one[:, 1:], axis=0, weights=one[:, 0]) for one in full]
    confidence, accuracy = np.array(found).reshape(-1, 2).T
    return confidence, accuracy


def roc(splits: Splits) -> np.ndarray | None:
    """True positive rates at evenly spaced false positive rates, the mean over classes and seeds; None without any."""
    curves = [curve for split in splits for curve in split["roc"].values()]
    return np.mean(curves, axis=0) if curves else None
