"""Our numbers beside published ones of the same data set, backbone and variant."""

from collections.abc import Mapping, Sequence
from typing import Any


def beside(lines: Sequence[Mapping[str, Any]], published: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each published number with ours, the difference ours − theirs, and whether our interval covers theirs.

    Args:
        lines: of a comparison.
        published: as `config.literature.published` gives them.
    """
    found = []
    for line in lines:
        row = line["row"]
        for number in published:
            named = number["dataset"], number["backbone"], number["variant"]
            if named != (row.get("dataset"), row.get("backbone"), line["variant"]):
                continue
            ours = line["metrics"][number["metric"]]
            found.append(
                {
                    **number,
                    "row": row,
                    "ours": {part: ours[part] for part in ("mean", "std", "low", "high")},
                    "difference": ours["mean"] - number["value"],
                    "covered": ours["low"] <= number["value"] <= ours["high"],
                }
            )
    return found
