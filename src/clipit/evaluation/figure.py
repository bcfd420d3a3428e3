"""Balanced accuracy of one model, or of several trainings of it on the same items."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clipit.evaluation.bootstrap import resample_balanced_accuracy
from clipit.evaluation.predictions import Predictions
from clipit.statistics.groups import FEW_GROUPS
from clipit.statistics.metrics import balanced_accuracy_of
from clipit.statistics.resampling import interval

FEW_SEEDS = 3
"""Seeds below which their spread says next to nothing."""


def few(n_groups: int | None, n_seeds: int) -> str | None:
    """What a reader of a number must know beside it, where it rests on little."""
    found = []
    if n_groups is not None and n_groups < FEW_GROUPS:
        found.append(f"only {n_groups} group{'s' if n_groups > 1 else ''}: intervals too narrow")
    if n_seeds < FEW_SEEDS:
        found.append(f"only {n_seeds} seed{'s' if n_seeds > 1 else ''}: another may differ")
    return "; ".join(found) or None


def figure(models: Sequence[Predictions], resamples: int) -> dict[str, Any]:
    """{"n" items, "n_groups", "absent": classes without one, "values": of each training, "mean", "std": over them, None
    of one, "low", "high": the 95% interval of the mean, over patients where they are known, None of one patient,
    "warning": as `few`}.
    """
    values = [balanced_accuracy_of(model.labels, model.probabilities.argmax(axis=1)) for model in models]
    low, high = None, None
    if models[0].n_groups != 1:  # drawn again, one patient is the same
        low, high = interval(np.mean(resample_balanced_accuracy(models, resamples), axis=0))
    return {
        "n": len(models[0].labels),
        "n_groups": models[0].n_groups,
        "absent": models[0].absent,
        "values": values,
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "low": low,
        "high": high,
        "warning": few(models[0].n_groups, len(models)),
    }
