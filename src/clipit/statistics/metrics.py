"""The four metrics, each for many weightings of the patches at once.

A bootstrap resample is a weighting (how often each patch was drawn), so a metric maps weights of shape
(resamples, patches) to values of shape (resamples,). Three of the four read the confusion counts alone.
"""

from collections.abc import Callable

import numpy as np

Array = np.ndarray


def confusion(labels: Array, predicted: Array, n_classes: int, weights: Array) -> Array:
    """Weighted confusion counts, float64 (resamples, C, C): rows are true classes, columns predicted ones.

    `labels` and `predicted` are int (patches,), `weights` (resamples, patches).
    """
    cells = np.zeros((len(labels), n_classes * n_classes))
    cells[np.arange(len(labels)), labels * n_classes + predicted] = 1.0
    return (weights @ cells).reshape(-1, n_classes, n_classes)


def balanced_accuracy(counts: Array) -> Array:
    """Mean recall over the classes that occur; `counts` (resamples, C, C) -> (resamples,)."""
    return _mean_where(_diagonal(counts), counts.sum(axis=2))


def accuracy(counts: Array) -> Array:
    """Share of patches classified correctly; `counts` (resamples, C, C) -> (resamples,)."""
    return _diagonal(counts).sum(axis=1) / counts.sum(axis=(1, 2))


def balanced_accuracy_of(labels: Array, predicted: Array) -> float:
    """The balanced accuracy of one prediction an item; both int (items,)."""
    return float(np.mean([np.mean(predicted[labels == name] == name) for name in np.unique(labels)]))


def accuracy_of(labels: Array, predicted: Array) -> float:
    """The share of correct predictions; both int (items,)."""
    return float(np.mean(labels == predicted))


def macro_f1(counts: Array) -> Array:
    """Mean F1 over the classes that occur or are predicted; `counts` (resamples, C, C) -> (resamples,)."""
    return _mean_where(2 * _diagonal(counts), counts.sum(axis=1) + counts.sum(axis=2))


def auroc(labels: Array, probabilities: Array, weights: Array) -> Array:
    """Macro one-versus-rest area under the ROC curve, (resamples,); ties count a half.

    `probabilities` is (patches, C). A class without positives or negatives in a resample is left out of its mean.
    """
    areas, pairs = [], []
    for c in range(probabilities.shape[1]):
        positive = labels == c
        negatives = np.flatnonzero(~positive)
        negatives = negatives[np.argsort(probabilities[negatives, c], kind="stable")]
        below = np.zeros((len(weights), len(negatives) + 1))
        np.cumsum(weights[:, negatives], axis=1, out=below[:, 1:])
        ordered, scores = probabilities[negatives, c], probabilities[positive, c]
        first, last = np.searchsorted(ordered, scores, "left"), np.searchsorted(ordered, scores, "right")
        drawn = weights[:, positive]
        areas.append(0.5 * np.einsum("rp,rp->r", drawn, below[:, first] + below[:, last]))
        pairs.append(drawn.sum(axis=1) * below[:, -1])
    return _mean_where(np.stack(areas, axis=1), np.stack(pairs, axis=1))


FROM_COUNTS: dict[str, Callable[[Array], Array]] = {
    "balanced_accuracy": balanced_accuracy,
    "accuracy": accuracy,
    "macro_f1": macro_f1,
}
METRICS = (*FROM_COUNTS, "auroc")


def all_metrics(labels: Array, probabilities: Array, weights: Array) -> dict[str, Array]:
    """Every metric of `METRICS`, each (resamples,)."""
    counts = confusion(labels, probabilities.argmax(axis=1), probabilities.shape[1], weights)
    values = {name: metric(counts) for name, metric in FROM_COUNTS.items()}
    return {**values, "auroc": auroc(labels, probabilities, weights)}


def _diagonal(counts: Array) -> Array:
    return np.diagonal(counts, axis1=1, axis2=2)


def _mean_where(numerator: Array, denominator: Array) -> Array:
    """Mean over the last axis of the ratios whose denominator is not zero; NaN where there is none."""
    defined = denominator > 0
    ratios = np.divide(numerator, denominator, out=np.zeros_like(denominator), where=defined)
    n = defined.sum(axis=1)
    return np.divide(ratios.sum(axis=1), n, out=np.full(len(n), np.nan), where=n > 0)
