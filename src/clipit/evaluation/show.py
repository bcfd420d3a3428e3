"""A comparison on the terminal."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clipit.artifacts.tables import read_json
from clipit.evaluation.metrics import METRICS
from clipit.evaluation.table_text import best, heading, layout, varying_columns

_STYLES = {
    "text_helps": "bold green",
    "better": "bold yellow",
    "no_evidence": "bold",
    "worse": "bold red",
    "missing": "dim",
}


def print_table(path: Path, console: Console | None = None) -> None:
    """Prints the table at `path` (the JSON of `compare`): the best of a column in bold, verdicts in words below."""
    console = console or Console()
    table = read_json(path)
    shared, header, body = layout(table)
    first_metric = len(varying_columns(table)) + 2
    tops = [best(table["rows"], metric) for metric in METRICS]
    grid = Table(title=f"{path.stem}: {shared}" if shared else path.stem, title_justify="left", title_style="bold")
    for number, name in enumerate(header):
        grid.add_column(name, justify="left" if number < first_metric else "right", no_wrap=number < first_metric)
    for line, cells in zip(table["rows"], body, strict=True):
        texts = [Text(cell) for cell in cells]
        for offset, (metric, top) in enumerate(zip(METRICS, tops, strict=True)):
            if top is not None and line["metrics"][metric]["mean"] == top:
                texts[first_metric + offset].stylize("bold")
        grid.add_row(*texts, style="" if line["variant"] in table["primary"] else "dim")
    console.print(grid)
    for verdict in table["verdicts"]:
        console.print(Text(f"{heading(table, verdict)}{verdict['text']}.", style=_STYLES[verdict["outcome"]]))
        if verdict["control"]:
            console.print(Text(verdict["control"]))
    for note in table["notes"]:
        console.print(Text(note, style="dim"))
