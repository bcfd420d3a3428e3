"""Metrics of several models over the same resamples of their test items."""

from collections.abc import Sequence

import numpy as np

from clipit.evaluation.predictions import Predictions
from clipit.statistics.metrics import all_metrics, balanced_accuracy, confusion
from clipit.statistics.resampling import draws


def resample_metrics(models: Sequence[Predictions], resamples: int, seed: int = 0) -> list[dict[str, np.ndarray]]:
    """Every metric of every model over the same resamples, as `all_metrics` gives them: a dict for each model.

    The models must have been tested on the same items, so that a difference of two arrays is a paired one.
    """
    blocks: list[list[dict[str, np.ndarray]]] = [[] for _ in models]
    for weights in draws(models[0].labels, models[0].groups, resamples, seed):
        for model, found in zip(models, blocks, strict=True):
            found.append(all_metrics(model.labels, model.probabilities, weights))
    return [{name: np.concatenate([block[name] for block in found]) for name in found[0]} for found in blocks]


def resample_balanced_accuracy(models: Sequence[Predictions], resamples: int, seed: int = 0) -> list[np.ndarray]:
    """As `resample_metrics`, of the balanced accuracy alone: (resamples,) for each model, in a fraction of the time."""
    blocks: list[list[np.ndarray]] = [[] for _ in models]
    for weights in draws(models[0].labels, models[0].groups, resamples, seed):
        for model, found in zip(models, blocks, strict=True):
            predicted = model.probabilities.argmax(axis=1)
            found.append(balanced_accuracy(confusion(model.labels, predicted, len(model.classes), weights)))
    return [np.concatenate(found) for found in blocks]
