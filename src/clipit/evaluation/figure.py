"""Balanced accuracy of one model, or of several trainings of it on the same items."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clipit.evaluation.bootstrap import resample_balanced_accuracy
from clipit.evaluation.predictions import Predictions
from clipit.statistics.metrics import balanced_accuracy_of
from clipit.statistics.resampling import interval


def figure(models: Sequence[Predictions], resamples: int) -> dict[str, Any]:
    """{"n" items, "n_groups", "absent": classes without one, "values": of each training, "mean", "std": over them, None
    of one, "low", "high": the 95% interval of the mean, over patients where they are known}.
    """
    values = [balanced_accuracy_of(model.labels, model.probabilities.argmax(axis=1)) for model in models]
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
    }
