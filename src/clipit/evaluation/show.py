"""A comparison on the terminal."""

from pathlib import Path

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


_WIDE = 110
"""Columns of a terminal that holds every interval; a narrower one gets short headings and one interval a row."""

_NARROW = {"seeds": "n", "balanced accuracy": "balanced", "accuracy": "acc.", "macro-F1": "F1"}


def print_table(path: Path, console: Console | None = None) -> None:
    """Prints the table at `path` (the JSON of `compare`): the best of a column in bold, verdicts in words below."""
    console = console or Console()
    table, wide = read_json(path), console.width >= _WIDE
    shared, header, body = layout(table)
    labels = len(varying_columns(table)) + 2  # columns of text: what varies, variant, seeds
    title = f"{path.stem}: {shared}" if shared else path.stem
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
    console.print(grid)
    for warning in sorted({line["warning"] for line in table["rows"] if line["warning"]}):
        console.print(Text(f"⚠ {warning}", style="yellow"))
    for verdict in table["verdicts"]:
        console.print(Text(f"{heading(table, verdict)}{verdict['text']}.", style=_STYLES[verdict["outcome"]]))
        for control in verdict["controls"]:
            console.print(Text(control))
    for note in table["notes"]:
        console.print(Text(note, style="dim"))


def _short(cell: str, warning: str | None) -> str:
    """A cell with its interval on a line of its own, its warning as a sign that is explained below the table."""
    cell = cell.removeprefix("p = ").removeprefix("p ")
    return (cell.replace(f" ⚠ {warning}", " ⚠") if warning else cell).replace(" [", "\n[")
