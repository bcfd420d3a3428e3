"""A comparison on the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clipit.artifacts.tables import read_json
from clipit.evaluation.table_text import SHOWN, best, heading, layout
from clipit.statistics.wording import varying_columns

_STYLES = {
    "text_helps": "bold green",
    "better": "bold yellow",
    "no_evidence": "bold",
    "worse": "bold red",
    "missing": "dim",
}


_ANY = 1_000
"""Columns that any table fits into."""

_NARROW = {"seeds": "n", "balanced accuracy": "balanced", "accuracy": "acc.", "macro-F1": "F1"}


def print_table(path: Path, console: Console | None = None) -> None:
    """Prints the table at `path` (the JSON of `compare`): the best of a column in bold, verdicts in words below."""
    console, table = console or Console(), read_json(path)
    shared, header, body = layout(table)
    title = f"{path.stem}: {shared}" if shared else path.stem
    grid = _grid(table, title, header, body, wide=True)
    if console.measure(grid, options=console.options.update(width=_ANY)).maximum > console.width:
        grid = _grid(table, title, header, body, wide=False)
    console.print(grid)
    for warning in sorted({line["warning"] for line in table["rows"] if line["warning"]}):
        console.print(Text(f"⚠ {warning}", style="yellow"))
    for verdict in table["verdicts"]:
        console.print(Text(f"{heading(table, verdict)}{verdict['text']}.", style=_STYLES[verdict["outcome"]]))
        for control in verdict["controls"]:
            console.print(Text(control))
    for note in table["notes"]:
        console.print(Text(note, style="dim"))


def _grid(
    table: Mapping[str, Any], title: str, header: Sequence[str], body: Sequence[Sequence[str]], *, wide: bool
) -> Table:
    """Every interval where it is `wide`; else short headings and one interval a row."""
    labels = len(varying_columns(table)) + 2  # columns of text: what varies, variant, seeds
    grid = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    if not wide:
        grid.padding, grid.pad_edge = (0, 0), False
    for number, name in enumerate(header):
        short = name if wide else _NARROW.get(name, name.removesuffix(" (points)"))
        grid.add_column(short, justify="left" if number < labels else "right", no_wrap=True)
    for line, cells in zip(table["rows"], body, strict=True):
        texts = [Text(_short(cell, line["warning"])) for cell in cells]
        if not wide:
            texts[labels + 1 : -2] = [Text(cell.split()[0]) for cell in cells[labels + 1 : -2]]
        for offset, metric in enumerate(SHOWN):
            if best(table["rows"], line, metric):
                texts[labels + offset].stylize("bold")
        grid.add_row(*texts, style="" if line["variant"] in table["primary"] else "dim")
    return grid


def _short(cell: str, warning: str | None) -> str:
    """A cell with its interval on a line of its own, its warning as a sign that is explained below the table."""
    cell = cell.removeprefix("p = ").removeprefix("p ")
    return (cell.replace(f" ⚠ {warning}", " ⚠") if warning else cell).replace(" [", "\n[")
