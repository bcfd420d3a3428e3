"""The main table: numbers, and the same numbers placed on an axis that all rows share."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clipit.evaluation.metrics import METRICS
from clipit.evaluation.table_text import HEADINGS, best, heading, value, varying_columns
from clipit.evaluation.verdict import bracket, p_value, points

WIDTH, MARGIN = 220, 12
_STEPS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Axis:
    """Maps values to horizontal positions in a drawing of `WIDTH` units; `ticks` are (position, label)."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    @classmethod
    def over(cls, values: Sequence[float], *, signed: bool = False) -> "Axis":
        """An axis over `values` (shares) with at most five round ticks in percent."""
        low, high = min(values), max(values)
        step = next((s for s in _STEPS if (high - low) / s <= 4), _STEPS[-1])
        first, last = math.floor(low / step + 1e-9), max(math.ceil(high / step - 1e-9), math.floor(low / step) + 1)
        axis = cls(first * step, last * step, ())
        digits = 1 if step < 0.01 else 0
        form = f"{{:+.{digits}f}}" if signed else f"{{:.{digits}f}}"
        labels = (form.format(100 * n * step).replace("-", "−") for n in range(first, last + 1))
        ticks = ((axis.at(n * step), "0" if signed and n == 0 else label) for n, label in zip(range(first, last + 1), labels))
        return cls(axis.low, axis.high, tuple(ticks))

    def at(self, share: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (share - self.low) / (self.high - self.low), 2)

    def mark(self, middle: float, bounds: Mapping[str, float]) -> dict[str, float]:
        """Positions of a point and its interval."""
        return {"x": self.at(middle), "low": self.at(bounds["low"]), "high": self.at(bounds["high"])}


def forest(table: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison (the JSON of `evaluation.compare`) as what the template draws."""
    lines, primary = table["rows"], table["primary"]
    shown = [line["metrics"]["balanced_accuracy"] for line in lines]
    axis = Axis.over([v for metric in shown for v in (metric["low"], metric["high"], metric["mean"])])
    gaps = [line["difference"] for line in lines if line["difference"]]
    gap_axis = Axis.over([0.0, *(v for gap in gaps for v in (gap["low"], gap["high"]))], signed=True) if gaps else None
    varying = varying_columns(table)
    top = best(lines, "balanced_accuracy")
    rows = []
    for line, metric in zip(lines, shown, strict=True):
        gap = line["difference"]
        control = next((x for x in lines if x["variant"] == primary[1] and x["row"] == line["row"]), None)
        rows.append(
            {
                "variant": line["variant"],
                "labels": " · ".join(str(line["row"][name]) for name in varying if line["row"].get(name)),
                "primary": line["variant"] in primary,
                "best": metric["mean"] == top,
                "seeds": line["n_seeds"],
                "warning": line["warning"],
                "mean": f"{100 * metric['mean']:.1f}",
                "std": None if metric["std"] is None else f"{100 * metric['std']:.1f}",
                "bracket": bracket(metric),
                "mark": axis.mark(metric["mean"], metric),
                "reference": control and axis.at(control["metrics"]["balanced_accuracy"]["mean"]),
                "gap": gap and f"{points(gap['value'])}",
                "gap_bracket": gap and bracket(gap),
                "gap_mark": gap and gap_axis and gap_axis.mark(gap["value"], gap),
                "p": gap and p_value(gap["p_adjusted"]),
                "metrics": [value(line["metrics"][name]) for name in METRICS],
                "per_seed": [
                    {"seed": seed["seed"], "values": [_percent(seed["metrics"][name]) for name in METRICS]}
                    for seed in line["seeds"]
                ],
            }
        )
    return {
        "rows": rows,
        "axis": axis,
        "gap_axis": gap_axis,
        "zero": gap_axis and gap_axis.at(0.0),
        "control": primary[1],
        "headings": [HEADINGS[name] for name in METRICS],
    }


def verdicts(table: Mapping[str, Any]) -> list[dict[str, str]]:
    """The verdicts, each with what it is about, where there are several, and the two numbers it compares."""
    found = []
    for verdict in table["verdicts"]:
        about = heading(table, verdict).removesuffix(": ")
        found.append({**verdict, "about": about, "measured": _measured(table, verdict)})
    return found


def _measured(table: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """How much was measured: the size of the test set and the number of trainings."""
    line = next(line for line in table["rows"] if line["row"] == verdict["row"])
    groups = f" from {line['n_groups']:,} patients or slides" if line["n_groups"] else ""
    seeds = f"{line['n_seeds']} training{'s' if line['n_seeds'] > 1 else ''} of each variant"
    return f"Measured on {line['n_items']:,} test patches{groups}; {seeds}."


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
