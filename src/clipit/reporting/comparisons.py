"""Every comparison that was made, with all that was found of it: for who wants to check."""

from collections.abc import Mapping
from typing import Any

from clipit.reporting.forest import row_labels
from clipit.statistics.wording import bracket, p_value, points, varying_columns


def comparisons(table: Mapping[str, Any]) -> dict[str, Any] | None:
    """The comparisons of a table (the JSON of `evaluation.compare`) as rows of text, None where there are none.

    {"rows": [{"name", "labels", "primary", "cells"}], "header": names of the cells, "several": whether there are more
    primary ones than one, "areas": [{"name", "labels", "cells"}], "classes": their header}: `areas` are of DeLong's
    test, a cell a class, where no patient is known.
    """
    found, varying = table["comparisons"], varying_columns(table)
    if not found:
        return None
    independent = any(one["independent"] for one in found)
    header = ["difference, points", "95% interval", "p", "p after Holm", "effect size"]
    header += ["only the first right", "only the second right", "McNemar's p"] if independent else []
    rows, areas = [], []
    classes = list(dict.fromkeys(name for one in found for name in (one["independent"] or {}).get("delong", {})))
    several = sum(one["primary"] for one in found) > 1
    for one in found:
        named = {
            "name": f"{one['variant']} − {one['against']}",
            "labels": row_labels(one["row"], varying),
            "primary": one["primary"],
        }
        cells = [points(one["value"]), bracket(one), *map(_p, (one["p"], one["p_adjusted"])), _effect(one)]
        rows.append({**named, "cells": cells + (_mcnemar(one["independent"]) if independent else [])})
        if tests := (one["independent"] or {}).get("delong"):
            areas.append({**named, "cells": [_area(tests.get(name)) for name in classes]})
    return {"rows": rows, "header": header, "areas": areas, "classes": classes, "several": several}


def _p(value: float) -> str:
    return p_value(value).removeprefix("p = ").removeprefix("p ")


def _effect(one: Mapping[str, Any]) -> str:
    size = one["effect_size"]
    return "–" if size is None else f"{size:+.2f}".replace("-", "−")


def _mcnemar(tests: Mapping[str, Any] | None) -> list[str]:
    if tests is None:
        return ["–"] * 3
    found = tests["mcnemar"]
    return [f"{found['only_one']:,}", f"{found['only_other']:,}", _p(found["p"])]


def _area(found: Mapping[str, Any] | None) -> str:
    return "–" if found is None else f"{points(found['difference'])}, {p_value(found['p'])}"
