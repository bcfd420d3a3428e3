"""How fast images and reports were embedded, and where the time went."""

from collections.abc import Mapping, Sequence
from typing import Any

from clipit.artifacts.tables import read_json

STEPS = ("load", "read", "transform", "infer", "write")
"""The steps of an embedding job; reading and writing run beside the others."""


def embedding_times(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A line for each of `entries` ({"what", "files": timing JSON of every part}), its parts summed."""
    return [_line(entry["what"], [read_json(path) for path in entry["files"]]) for entry in entries]


def _line(what: str, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    seconds = {step: sum(part["seconds"].get(step, 0.0) for part in parts) for step in (*STEPS, "total")}
    items = sum(part["items"] for part in parts)
    busy = seconds["total"] - seconds["load"]
    first = parts[0]
    return {
        "what": what,
        "items": f"{items:,} {first['unit']}",
        "rate": f"{items / busy:,.0f}/s" if busy > 0 and items else "–",
        "how": f"{first['device']}, {first['precision']}, batches of {first['batch']}",
        "seconds": [(step, f"{seconds[step]:,.1f}") for step in (*STEPS, "total")],
    }
