"""A comparison of pairings on the terminal."""

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clipit.artifacts.tables import read_json
from clipit.pairing.compare_text import about, layout
from clipit.statistics.wording import shared_labels

_WIDE = 150
"""Columns of a terminal that holds every figure; a narrower one gets these:"""
_NARROW = ("coverage", "top hub", "right finding", "− top1 (points)", "− top1 of the first retriever", "leave-one-out")
_STYLES = {"better": "bold green", "not_shown": "bold", "missing": "dim"}


def print_pairings(path: Path, title: str, console: Console | None = None) -> None:
    """Prints the table at `path` (the JSON of `compare_pairings`), its verdicts and its notes below."""
    console = console or Console()
    table = read_json(path)
    header, body = layout(table)
    shown = [i for i, name in enumerate(header) if console.width >= _WIDE or name in (*table["columns"], *_NARROW)]
    grid = Table(title=f"{title}: {shared_labels(table)}", title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    grid.padding, grid.pad_edge = (0, 1), False
    for i in shown:
        grid.add_column(header[i], justify="left" if header[i] in table["columns"] else "right")
    for cells in body:
        grid.add_row(*(Text(cells[i].replace(" [", "\n[").replace(" (", "\n(")) for i in shown))
    console.print(grid)
    for verdict in table["verdicts"]:
        console.print(Text(f"{about(table, verdict['row'])}{verdict['text']}.", style=_STYLES[verdict["outcome"]]))
    for note in table["notes"]:
        console.print(Text(note, style="dim"))
