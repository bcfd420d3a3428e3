"""The main table: numbers, and the same numbers placed on an axis that all rows share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clipit.evaluation.compare import the_match
from clipit.evaluation.table_text import HEADINGS, best, heading, number, value
from clipit.reporting.axis import Axis, window
from clipit.statistics.metrics import METRICS
from clipit.statistics.wording import bracket, p_value, points, varying_columns


def forest(table: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison (the JSON of `evaluation.compare`) as what the template draws."""
    lines, primary = table["rows"], table["primary"]
    shown = [line["metrics"]["balanced_accuracy"] for line in lines]
    main = [line for line in lines if line["variant"] in primary] or lines
    axis = Axis.over(window(_ends(line["metrics"]["balanced_accuracy"] for line in main), _ends(shown)))
    gaps = [line["difference"] for line in lines if line["difference"]]
    main_gaps = [gap for gap in gaps if gap["primary"]] or gaps
    gap_axis = Axis.over(window([0.0, *_ends(main_gaps)], [0.0, *_ends(gaps)]), signed=True) if gaps else None
    varying = varying_columns(table)
    rows = []
    for line, metric in zip(lines, shown, strict=True):
        gap = line["difference"]
        control = the_match(line["row"], [(x["row"], x) for x in lines if x["variant"] == primary[1]])
        rows.append(
            {
                "variant": line["variant"],
                "labels": row_labels(line["row"], varying),
                "primary": line["variant"] in primary,
                "best": best(lines, line, "balanced_accuracy"),
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
                "metrics": [value(line["metrics"][name], name) for name in METRICS],
                "per_seed": [
                    {"seed": seed["seed"], "values": [number(seed["metrics"][name], name) for name in METRICS]}
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


def row_labels(row: Mapping[str, str | None], varying: Sequence[str]) -> str:
    """The labels of a row that tell it from the others."""
    return " · ".join(str(row[name]) for name in varying if row.get(name))


def verdicts(table: Mapping[str, Any]) -> list[dict[str, str]]:
    """The verdicts, each with what it is about, where there are several, and the two numbers it compares."""
    found = []
    for verdict in table["verdicts"]:
        about = heading(table, verdict).removesuffix(": ")
        found.append({**verdict, "about": about, "measured": _measured(table, verdict)})
    return found


def _measured(table: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """How much was measured: the size of the test set and the number of trainings."""
    lines = [line for line in table["rows"] if line["row"] == verdict["row"]]
    line = next((line for line in lines if line["variant"] == table["primary"][0]), lines[0])
    groups = f" from {line['n_groups']:,} patients or slides" if line["n_groups"] else ""
    weak = ", by weak labels" if line["weak_labels"] else ""
    seeds = f"{line['n_seeds']} training{'s' if line['n_seeds'] > 1 else ''} of {line['variant']}"
    return f"Measured on {line['n_items']:,} test patches{groups}{weak}; {seeds}."


def _ends(intervals: Iterable[Mapping[str, Any]]) -> list[float]:
    return [one[end] for one in intervals for end in ("low", "high")]
