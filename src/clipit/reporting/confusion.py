"""Confusion matrices, averaged over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clipit.artifacts.tables import read_json


def confusions(runs: Sequence[Mapping[str, Any]], primary: Sequence[str]) -> list[dict[str, Any]]:
    """One matrix for each row and variant, cells as shares of the true class; the primary variants come first."""
    counts: dict[tuple[str, str], list[np.ndarray]] = {}
    classes: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        metrics = read_json(run["metrics"])
        key = (" · ".join(str(v) for v in run["row"].values() if v is not None), run["variant"])
        counts.setdefault(key, []).append(np.asarray(metrics["splits"]["test"]["confusion"], dtype=float))
        classes[key] = metrics["classes"]
    several = len({labels for labels, variant in counts if variant in primary}) > 1
    matrices = []
    for (labels, variant), found in counts.items():
        mean = np.mean(found, axis=0)
        shares = mean / np.maximum(mean.sum(axis=1, keepdims=True), 1)
        lines = zip(classes[labels, variant], shares.tolist(), mean.sum(axis=1).astype(int).tolist(), strict=True)
        matrices.append(
            {
                "variant": variant,
                "labels": labels if several else "",
                "primary": variant in primary,
                "seeds": len(found),
                "classes": classes[labels, variant],
                "rows": [{"name": name, "cells": cells, "n": n} for name, cells, n in lines],
            }
        )
    return sorted(matrices, key=lambda matrix: not matrix["primary"])
