"""A comparison as CSV and as Markdown."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from clipit.statistics.metrics import LOWER_IS_BETTER, METRICS
from clipit.statistics.wording import bracket, markdown_table, p_value, points, shared_labels, varying_columns

HEADINGS = {
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "cohen_kappa": "Cohen's kappa",
    "auroc": "AUROC",
    "average_precision": "average precision",
    "ece": "ECE",
    "brier": "Brier score",
    "negative_log_likelihood": "NLL, nats",
}
SHOWN = ("balanced_accuracy", "accuracy", "macro_f1", "auroc")
"""The metrics of the short table; the others are in the CSV, the JSON and the report."""
NOT_SHARES = frozenset({"cohen_kappa", "brier", "negative_log_likelihood"})
"""Metrics that are no shares, and stand as they are, not in percent."""
_LEVELS = {"image": "whole images", "group": "patients or slides"}


def as_csv(table: Mapping[str, Any]) -> str:
    """Every number with full precision, shares in 0..1, a line for each row and variant."""
    parts = ("mean", "std", "low", "high")
    difference = ("against", "value", "low", "high", "p", "p_adjusted", "primary", "unit")
    header = [*table["columns"], "variant", "n_seeds", "n_items", "n_groups"]
    header += [f"{metric}_{part}" for metric in METRICS for part in parts]
    header += [f"difference_{name}" for name in difference] + ["warning"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for line in table["rows"]:
        cells = [line["row"].get(column) for column in table["columns"]]
        cells += [line[name] for name in ("variant", "n_seeds", "n_items", "n_groups")]
        cells += [line["metrics"][metric][part] for metric in METRICS for part in parts]
        cells += [(line["difference"] or {}).get(name) for name in difference] + [line["warning"]]
        writer.writerow(cells)
    return text.getvalue()


def as_markdown(table: Mapping[str, Any], title: str) -> str:
    """A readable table in percent, the verdicts above it and the notes below."""
    shared, header, body = layout(table)
    lines = [f"# {title}", ""]
    if shared:
        lines += [shared, ""]
    for verdict in table["verdicts"]:
        lines += [f"**{heading(table, verdict)}{verdict['text']}.**", ""]
        lines += [line for control in verdict["controls"] for line in (control, "")]
    lines += [*markdown_table(header, body), "", *(f"- {note}" for note in table["notes"])]
    if table["published"]:
        lines += ["", "## Beside published numbers", "", *markdown_table(*published(table))]
    if table["levels"]:
        lines += ["", "## Whole images, patients", "", *markdown_table(*parts_layout(table, "levels"))]
    if table["centres"]:
        lines += ["", "## Each centre", "", *markdown_table(*parts_layout(table, "centres"))]
    for section in table["extra_tests"]:
        lines += ["", f"## Extra test: {extra_title(section)}", "", *markdown_table(*extra_layout(section)), ""]
        lines += [f"- {note}" for note in section["notes"]]
        if section["levels"]:
            lines += ["", "Whole images, patients:", "", *markdown_table(*parts_layout(section, "levels"))]
        if section["centres"]:
            lines += ["", "Each centre:", "", *markdown_table(*parts_layout(section, "centres"))]
    return "\n".join(lines) + "\n"


def published(table: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(header, rows of cells) of published numbers beside ours, in percent."""
    varying = varying_columns(table)
    header = [*varying, "variant", "metric", "ours", "published", "ours − published", "our interval covers it"]
    header += ["source", "tested on", "its checkpoint chosen on"]
    body = []
    for one in table["published"]:
        theirs = number(one["value"], one["metric"])
        theirs += f" ± {number(one['std'], one['metric'])}" * (one["std"] is not None) + f" ({one['runs']} runs)"
        cells = [str(one["row"].get(column) or "–") for column in varying]
        cells += [one["variant"], HEADINGS[one["metric"]], value(one["ours"], one["metric"]), theirs]
        cells += [f"{points(one['difference'])} points", "yes" if one["covered"] else "no"]
        body.append([*cells, one["source"], one["tested_on"], one["checkpoint_chosen_on"]])
    return header, body


def layout(table: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]]]:
    """(what all rows share, header, rows of cells), every cell a short text in percent."""
    varying = varying_columns(table)
    header = [*varying, "variant", "seeds", *(HEADINGS[metric] for metric in SHOWN)]
    header += [f"− {table['primary'][1]} (points)", "p"]
    body = []
    for line in table["rows"]:
        cells = [str(line["row"].get(column) or "–") for column in varying]
        cells += [line["variant"], str(line["n_seeds"]), *(value(line["metrics"][metric], metric) for metric in SHOWN)]
        gap, warning = line["difference"], f" ⚠ {line['warning']}" if line["warning"] else ""
        cells[len(varying) + 2] += warning
        cells += [f"{points(gap['value'])} {bracket(gap)}{warning}", p_value(gap["p_adjusted"])] if gap else ["–", "–"]
        body.append(cells)
    return shared_labels(table), header, body


def extra_title(section: Mapping[str, Any]) -> str:
    """What a test on another data set is of."""
    return section["dataset"] + (", all patches" if section["split"] == "all" else "")


def extra_layout(section: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(header, rows of cells) of a test on another data set: `layout`, and the drop from the own test set."""
    _, header, body = layout(section)
    drops = (points(line["drop"]) for line in section["rows"])
    return [*header, "own − here (points)"], [[*cells, drop] for cells, drop in zip(body, drops, strict=True)]


def parts_layout(table: Mapping[str, Any], parts: str) -> tuple[list[str], list[list[str]]]:
    """(header, rows of cells) of the balanced accuracy in percent, a column for each of `centres` or of `levels`."""
    varying, key = varying_columns(table), parts.removesuffix("s")
    names = sorted({one[key] for one in table[parts]})
    body = []
    for line in table["rows"]:
        of_line = [one for one in table[parts] if (one["row"], one["variant"]) == (line["row"], line["variant"])]
        cells = {one[key]: _part(one) for one in of_line}
        labels = [str(line["row"].get(column) or "–") for column in varying]
        body.append([*labels, line["variant"], *(cells.get(name, "–") for name in names)])
    return [*varying, "variant", *(_LEVELS.get(name, name) if parts == "levels" else name for name in names)], body


def _part(one: Mapping[str, Any]) -> str:
    without = f", without {' and '.join(one['absent'])}" if one["absent"] else ""
    warning = f" ⚠ {one['warning']}" if one["warning"] else ""
    return f"{value(one, 'balanced_accuracy')}, n = {one['n']:,}{without}{warning}"


def heading(table: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """What tells a verdict from the others: 'uni, bach: ', empty where there is one."""
    if len(table["verdicts"]) == 1:
        return ""
    return ", ".join(str(verdict["row"][name]) for name in varying_columns(table) if verdict["row"].get(name)) + ": "


def value(metric: Mapping[str, Any], name: str) -> str:
    """'81.2 ± 1.3 [78.0, 84.1]', shares in percent, or why there is none."""
    if metric["mean"] is None:
        return f"none ({metric['reason']})"
    shown = [number(metric[part], name) for part in ("mean", "low", "high")]
    spread = "" if metric["std"] is None else f" ± {number(metric['std'], name)}"
    return f"{shown[0]}{spread}" + (f" [{shown[1]}, {shown[2]}]" if metric["low"] is not None else "")


def number(value: float | None, name: str) -> str:
    """A value of the metric `name`: a share in percent, another with three decimals."""
    if value is None:
        return "–"
    return (f"{value:.3f}" if name in NOT_SHARES else f"{100 * value:.1f}").replace("-", "−")


def best(lines: Sequence[Mapping[str, Any]], line: Mapping[str, Any], metric: str) -> bool:
    """Whether no other line of the same data set has a better mean of a metric."""
    rivals = [rival for rival in lines if rival["row"].get("dataset") == line["row"].get("dataset")]
    known = [mean for rival in rivals if (mean := rival["metrics"][metric]["mean"]) is not None]
    extreme = min if metric in LOWER_IS_BETTER else max
    return bool(known) and line["metrics"][metric]["mean"] == extreme(known)
