"""Confusion matrices, averaged over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clipit.artifacts.tables import read_json
from clipit.reporting.forest import row_labels
from clipit.statistics.wording import varying_columns


def confusions(runs: Sequence[Mapping[str, Any]], table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One matrix for each row and variant, cells as shares of the true class; the primary variants come first."""
    primary, varying = table["primary"], varying_columns(table)
    counts: dict[tuple[str, str], list[np.ndarray]] = {}
    classes: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        metrics = read_json(run["metrics"])
        key = (row_labels(run["row"], varying), run["variant"])
        counts.setdefault(key, []).append(np.asarray(metrics["splits"]["test"]["confusion"], dtype=float))
        classes[key] = metrics["classes"]
    matrices = []
    for (labels, variant), found in counts.items():
        mean = np.mean(found, axis=0)
        shares = mean / np.maximum(mean.sum(axis=1, keepdims=True), 1)
        lines = zip(
            classes[labels, variant], shares.tolist(), np.rint(mean.sum(axis=1)).astype(int).tolist(), strict=True
        )
        matrices.append(
            {
                "variant": variant,
                "labels": labels,
                "primary": variant in primary,
                "seeds": len(found),
                "classes": classes[labels, variant],
                "rows": [{"name": name, "cells": cells, "n": n} for name, cells, n in lines],
            }
        )
    return sorted(matrices, key=lambda matrix: not matrix["primary"])
