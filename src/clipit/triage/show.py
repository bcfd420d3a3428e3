"""Triage on the terminal: a table, and a verdict with its reasons on each pairing that would be trained on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clipit.artifacts.tables import read_json
from clipit.statistics.wording import bracket, points

_HOLDS, _CAUTION, _FAILS = ("✓", "green"), ("!", "yellow"), ("✗", "red")


def print_triage(path: Path, console: Console) -> None:
    """Prints the JSON of `triage`, whose name is the experiment's."""
    document = read_json(path)
    console.print(Text(f"Triage of {path.stem}", style="bold"))
    for context in document["contexts"]:
        _print_context(context, console)
    for note in document["notes"]:
        console.print(Text(note, style="dim"))


def _print_context(context: Mapping[str, Any], console: Console) -> None:
    title = " · ".join(f"{name} {context['row'][name]}" for name in ("dataset", "corpus", "retriever"))
    console.print(Text(f"\n{title}; {context['n_train']:,} labelled train, {context['n_val']:,} labelled val patches"))
    grid = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for heading in ("pairing", "teacher", "− random", "kept", "coverage", "top hub", "agree", "worth it"):
        grid.add_column(heading, justify="left" if heading == "pairing" else "right", no_wrap=heading != "pairing")
    for pairing in context["pairings"]:
        agree = pairing["agreement"]
        cells = (
            pairing["pairing"] if pairing["chosen"] else f"{pairing['pairing']} (audited)",
            f"{100 * pairing['teacher']['value']:.1f}\n{bracket(pairing['teacher'])}",
            f"{points(pairing['gain']['value'])}\n{bracket(pairing['gain'])}",
            f"{100 * pairing['kept']:.0f}%",
            f"{100 * pairing['coverage']:.0f}%",
            f"{100 * pairing['top_hub_share']:.1f}%",
            "–" if agree is None else f"{100 * agree:.0f}%",
            "yes" if pairing["worth"] else "no",
        )
        grid.add_row(*map(Text, cells), style="" if pairing["chosen"] else "dim")
    console.print(grid)
    for pairing in context["pairings"]:
        if pairing["chosen"]:
            style = "bold green" if pairing["worth"] else "bold red"
            console.print(Text(f"{pairing['pairing']}: {pairing['verdict']}.", style=style))
            reasons = Table.grid(padding=(0, 1))
            for reason in pairing["reasons"]:
                sign = _HOLDS if reason["holds"] else _FAILS if reason["decides"] else _CAUTION
                reasons.add_row(" ", Text(*sign), Text(f"{reason['name']}: {reason['text']}"))
            console.print(reasons)
