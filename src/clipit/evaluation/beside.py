"""Our numbers beside published ones of the same data set, backbone and variant."""

from collections.abc import Mapping, Sequence
from typing import Any


def beside(lines: Sequence[Mapping[str, Any]], published: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each published number with ours, the difference ours − theirs, and whether our interval covers theirs.

    A line of which labels were taken away (`label_fraction`) has no published counterpart.

    Args:
        lines: of a comparison.
        published: as `config.literature.published` gives them.
    """
    found = []
    for line in lines:
        row = line["row"]
        for number in published:
            named = number["dataset"], number["backbone"], number["variant"]
            same = named == (row.get("dataset"), row.get("backbone"), line["variant"])
            if not same or float(row.get("label_fraction") or 1) != 1:
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
