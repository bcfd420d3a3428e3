"""Numbers as tables and sentences show them."""

from collections.abc import Mapping, Sequence
from typing import Any

SYNTHETIC = "SYNTHETIC data: images and reports are computed; the numbers say nothing about pathology."


def points(value: float) -> str:
    """A signed difference in percentage points, with a true minus sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def bracket(bounds: Mapping[str, Any]) -> str:
    """An interval in percent."""
    return f"[{100 * bounds['low']:.1f}, {100 * bounds['high']:.1f}]".replace("-", "−")


def p_value(p: float) -> str:
    """'p = 0.24', never 'p = 0.000'."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def varying_columns(table: Mapping[str, Any]) -> list[str]:
    """Label columns that differ between rows; a label that some rows merely lack does not."""
    found = {name: {line["row"].get(name) for line in table["rows"]} - {None} for name in table["columns"]}
    return [name for name in table["columns"] if len(found[name]) > 1]


def shared_labels(table: Mapping[str, Any]) -> str:
    """What all rows have in common: 'dataset phantom · corpus phantom_reports'."""
    labels = {name: value for line in table["rows"] for name, value in line["row"].items() if value is not None}
    varying = varying_columns(table)
    return " · ".join(f"{name} {labels[name]}" for name in table["columns"] if name in labels and name not in varying)


def markdown_table(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table whose columns are as wide as their longest cell."""
    widths = [max(len(cells[i]) for cells in (header, *body)) for i in range(len(header))]
    rule = ["-" * width for width in widths]
    return [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
        for cells in (header, rule, *body)
    ]
