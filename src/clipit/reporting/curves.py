"""Training curves as inline SVG."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from clipit.reporting.svg import INK, drawing, inline, looks
from clipit.statistics.wording import varying_columns

_PANELS = {
    "val_balanced_accuracy": "balanced accuracy on validation",
    "train_ce": "classification loss (cross-entropy)",
    "skill": "skill in predicting the text",
}

History = Sequence[Mapping[str, str]]


def all_curves(runs: Sequence[Mapping[str, Any]], table: Mapping[str, Any], name: str) -> list[tuple[str, Markup]]:
    """(labels, drawing) of each row of a comparison: another backbone, say, is another drawing.

    A run whose variant has not all of the labels (`lora_only` knows no corpus) is drawn in every row that it fits.
    """
    varying = varying_columns(table)
    trained = [run for run in runs if run["history"] is not None]
    rows = list(dict.fromkeys(tuple(run["row"].get(column) for column in varying) for run in trained))
    drawn = []
    for row in rows:
        if any(row != other and _belongs(row, other) for other in rows):
            continue
        own = [run for run in trained if _belongs([run["row"].get(column) for column in varying], row)]
        labels = " · ".join(label for label in row if label)
        if picture := curves(read_histories(own), looks(table), f"{name} {labels}".strip()):
            drawn.append((labels, picture))
    return drawn


def _belongs(row: Sequence[str | None], other: Sequence[str | None]) -> bool:
    return all(label is None or label == its for label, its in zip(row, other, strict=True))


def read_histories(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[History]]:
    """The lines of every `history.csv`, listed by variant."""
    histories: dict[str, list[History]] = {}
    for run in runs:
        lines = list(csv.DictReader(Path(run["history"]).read_text(encoding="utf-8").splitlines()))
        histories.setdefault(run["variant"], []).append(lines)
    return histories


def curves(
    histories: Mapping[str, Sequence[History]], look_of: Mapping[str, Mapping[str, Any]], name: str
) -> Markup | None:
    """An SVG with a panel for each recorded quantity, or None where nothing was.

    A strong line is the mean over seeds, faint ones are the seeds. Equal histories give equal bytes.
    """
    panels = {key: title for key, title in _PANELS.items() if any(_series(runs, key) for runs in histories.values())}
    if not panels:
        return None
    with drawing(name):
        figure = Figure(figsize=(3.5 * len(panels), 3.0 + 0.12 * len(histories)), layout="constrained")
        for axes, (key, title) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
            axes.set_title(title, loc="left", fontsize=10)
            axes.set_xlabel("step")
            axes.grid(alpha=0.15, color=INK)
            axes.xaxis.get_major_locator().set_params(integer=True)
            for variant, runs in histories.items():
                _draw(axes, _series(runs, key), look_of[variant], variant)
        handles = {label: line for a in figure.axes for line, label in zip(*a.get_legend_handles_labels(), strict=True)}
        figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=4, frameon=False)
        label = f"Training curves by step for {', '.join(histories)}; the numbers stand in each run's history.csv."
        return inline(figure, label)


def _draw(axes: Any, series: list[tuple[list[int], list[float]]], look: Mapping[str, Any], variant: str) -> None:
    for steps, values in series:
        axes.plot(steps, values, **look, alpha=0.25 if len(series) > 1 else 1, linewidth=1)
    if not series:
        return
    shared = min(len(values) for _, values in series)
    mean = np.mean([values[:shared] for _, values in series], axis=0)
    axes.plot(series[0][0][:shared], mean, **look, linewidth=2, label=variant, marker="o" if shared == 1 else "")


def _series(runs: Sequence[History], key: str) -> list[tuple[list[int], list[float]]]:
    """(steps, values) of every run that recorded `key`."""
    found = []
    for lines in runs:
        kept = [(int(line["step"]), float(line[key])) for line in lines if line.get(key)]
        if kept:
            found.append(([step for step, _ in kept], [value for _, value in kept]))
    return found
