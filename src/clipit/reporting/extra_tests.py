"""Tests on other data sets, and test sets centre by centre, or as whole images and patients."""

from collections.abc import Mapping
from typing import Any

from clipit.evaluation.table_text import extra_title, parts_layout, value
from clipit.reporting.forest import forest, row_labels
from clipit.statistics.wording import points, varying_columns

Cells = tuple[list[str], list[list[str]]]


def extra_tests(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each test on another data set (`extra_tests` of `evaluation.compare`) as what the template draws."""
    return [
        {
            "title": extra_title(section),
            "forest": forest(section),
            "drops": _drops(section),
            "levels": parts(section, "levels"),
            "centres": parts(section, "centres"),
            "notes": section["notes"],
        }
        for section in table["extra_tests"]
    ]


def parts(table: Mapping[str, Any], name: str) -> Cells | None:
    """(header, rows of cells) of a table's `centres` or `levels`; None where it has none."""
    return parts_layout(table, name) if table[name] else None


def _drops(section: Mapping[str, Any]) -> list[dict[str, str]]:
    """Of each line: balanced accuracy on the own test set, here, and the difference."""
    varying = varying_columns(section)
    return [
        {
            "variant": line["variant"],
            "labels": row_labels(line["row"], varying),
            "own": value(line["own"], "balanced_accuracy"),
            "here": value(line["metrics"]["balanced_accuracy"], "balanced_accuracy"),
            "drop": points(line["drop"]),
        }
        for line in section["rows"]
    ]
