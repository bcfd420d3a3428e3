"""How much a variant gains from more labels, as inline SVG."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import NullLocator
from matplotlib.transforms import ScaledTranslation

from clipit.reporting.svg import COLOURS, INK, STYLES, drawing, inline

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DODGE = 3.5  # points between neighbours: the variants have the same counts, and their bars would hide each other
_CLOSEST_TICKS = 0.12  # of the axis: about the width of a count of six digits
_CLOSEST_NAMES = 0.07  # of the height of the axes: a line of text
# Thin and grey: from a line that ends early it crosses the drawing, and must not look like a plateau.
_LEADER = {
    "arrowstyle": "-", "color": INK, "alpha": 0.5, "linewidth": 0.8, "linestyle": ":", "relpos": (0, 0.5), "shrinkA": 8,
}  # fmt: skip

Row = Mapping[str, Any]


def label_curve(rows: Sequence[Row], name: str) -> Markup | None:
    """An SVG of balanced accuracy on test by the number of labelled train patches, a line for each variant.

    Equal rows give equal bytes. None where no variant has two different numbers of labels.

    Args:
        rows: {"variant", "n_labels" (mean over seeds), "value", "low", "high"}, the last three as shares: the mean and
            its 95% interval.
        name: tells the drawing from others on the page.
    """
    lines = _lines(rows)
    if all(len({row["n_labels"] for row in line}) < 2 for line in lines.values()):
        return None
    with drawing(name):
        figure = Figure(figsize=(7.5, 3.9), layout=ConstrainedLayoutEngine(w_pad=0.12))
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_xlabel("labelled train patches (log scale); bars are 95% intervals")
        axes.set_ylabel("balanced accuracy on test, %")
        axes.grid(alpha=0.15, color=INK)
        axes.margins(x=0.05)
        for number, line in enumerate(lines.values()):
            _draw(axes, line, number, len(lines))
        ticks = _ticks([row["n_labels"] for row in rows])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(ticks, [f"{n:,.0f}" for n in ticks])
        _name(axes, lines)
        return inline(figure, _in_words(lines))


def _lines(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of every variant, the fewest labels first."""
    lines: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["n_labels"]):
        lines.setdefault(row["variant"], []).append(row)
    return {variant: lines[variant] for variant in dict.fromkeys(row["variant"] for row in rows)}


def _draw(axes: Axes, line: Sequence[Row], number: int, of: int) -> None:
    x, y = [row["n_labels"] for row in line], [100 * row["value"] for row in line]
    low, high = ([100 * row[end] for row in line] for end in ("low", "high"))
    place, colour = _dodged(axes, number, of), COLOURS[number % len(COLOURS)]
    axes.vlines(x, low, high, color=colour, alpha=0.75, linewidth=1.5, transform=place)
    axes.plot(x, y, color=colour, linestyle=STYLES[number % len(STYLES)], linewidth=1.8, transform=place)
    axes.plot(x, y, color=colour, linestyle="", **_marker(number), transform=place)
    axes.update_datalim([*zip(x, low, strict=True), *zip(x, high, strict=True)])
    axes.autoscale_view()


def _name(axes: Axes, lines: Mapping[str, Sequence[Row]]) -> None:
    """Each variant's name at the end of its line, moved up or down where names would touch."""
    bottom, top = axes.get_ylim()
    ends = [(100 * line[-1]["value"] - bottom) / (top - bottom) for line in lines.values()]
    for number, (variant, height) in enumerate(zip(lines, _apart(ends, _CLOSEST_NAMES), strict=True)):
        colour, last = COLOURS[number % len(COLOURS)], lines[variant][-1]
        axes.annotate(
            variant,
            (last["n_labels"], 100 * last["value"]),
            xycoords=_dodged(axes, number, len(lines)),
            xytext=(1.06, height),
            textcoords="axes fraction",
            va="center",
            arrowprops=_LEADER,
        )
        axes.plot(1.04, height, color=colour, **_marker(number), transform=axes.transAxes, clip_on=False)


def _marker(number: int) -> dict[str, Any]:
    return {"marker": _MARKERS[number % len(_MARKERS)], "markersize": 6}


def _dodged(axes: Axes, number: int, of: int) -> Any:
    """Where data stand, moved sideways by the variant's place among all."""
    points = _DODGE * (number - (of - 1) / 2)
    return axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)


def _ticks(counts: Sequence[float]) -> list[float]:
    """The counts from high to low, without those whose text would touch that of a higher one."""
    nearest = (max(counts) / min(counts)) ** _CLOSEST_TICKS
    ticks: list[float] = []
    for count in sorted(set(counts), reverse=True):
        if not ticks or ticks[-1] / count >= nearest:
            ticks.append(count)
    return ticks


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """`heights` in the same order, moved as little as leaves `least` between any two.

    Halfway between moving up alone and moving down alone, both of which leave that much.
    """
    order = sorted(range(len(heights)), key=lambda number: heights[number])
    steps = [least * place for place in range(len(order))]
    free = [heights[number] - step for number, step in zip(order, steps, strict=True)]
    up = list(accumulate(free, max))
    down = list(accumulate(reversed(free), min))[::-1]
    found = {n: (a + b) / 2 + step for n, a, b, step in zip(order, up, down, steps, strict=True)}
    return [found[number] for number in range(len(heights))]


def _in_words(lines: Mapping[str, Sequence[Row]]) -> str:
    told = [
        f"{variant}: " + ", ".join(f"{100 * row['value']:.1f}% with {row['n_labels']:,.0f}" for row in line)
        for variant, line in lines.items()
    ]
    return "Balanced accuracy on test by the number of labelled train patches. " + "; ".join(told) + "."
