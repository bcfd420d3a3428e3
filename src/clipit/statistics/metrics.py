"""Every metric, each for many weightings of the items at once.

A bootstrap resample is a weighting (how often each item was drawn), so a metric maps weights of shape (resamples,
items) to values of shape (resamples,). Some read the confusion counts alone, the others the probabilities.
"""

from collections.abc import Callable

import numpy as np

Array = np.ndarray

ECE_BINS = 15
"""Bins of equal width that the confidences fall into (Guo et al. 2017)."""

_SMALLEST = float(np.finfo(np.float32).tiny)
"""What a probability of 0 counts as in a logarithm: probabilities are stored as float32."""


def confusion(labels: Array, predicted: Array, n_classes: int, weights: Array) -> Array:
    """Weighted confusion counts, float64 (resamples, C, C): rows are true classes, columns predicted ones.

    `labels` and `predicted` are int (items,), `weights` (resamples, items).
    """
    cells = np.zeros((len(labels), n_classes * n_classes))
    cells[np.arange(len(labels)), labels * n_classes + predicted] = 1.0
    return (weights @ cells).reshape(-1, n_classes, n_classes)


def balanced_accuracy(counts: Array) -> Array:
    """Mean recall over the classes that occur; `counts` (resamples, C, C) -> (resamples,)."""
    return _mean_where(_diagonal(counts), counts.sum(axis=2))


def accuracy(counts: Array) -> Array:
    """Share of items classified correctly; `counts` (resamples, C, C) -> (resamples,)."""
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


def cohen_kappa(counts: Array) -> Array:
    """Cohen's unweighted kappa, agreement beyond chance; NaN where one class is all there is and all that is said."""
    total = counts.sum(axis=(1, 2))
    chance = (counts.sum(axis=1) * counts.sum(axis=2)).sum(axis=1) / total**2
    agreement = _diagonal(counts).sum(axis=1) / total
    return _ratio(agreement - chance, 1 - chance)


def recall(counts: Array) -> Array:
    """Of each class's items the share that is found, (resamples, C); NaN for a class without items."""
    return _ratio(_diagonal(counts), counts.sum(axis=2))


def precision(counts: Array) -> Array:
    """Of the items that are called a class the share that is right, (resamples, C); NaN where none is."""
    return _ratio(_diagonal(counts), counts.sum(axis=1))


def auroc(labels: Array, probabilities: Array, weights: Array) -> Array:
    """Macro one-versus-rest area under the ROC curve, (resamples,); ties count a half.

    `probabilities` is (items, C). A class without positives or negatives in a resample is left out of its mean.
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


def auroc_of(labels: Array, probabilities: Array) -> float:
    """The `auroc` of unweighted items."""
    return float(auroc(labels, probabilities, np.ones((1, len(labels))))[0])


def average_precision(labels: Array, probabilities: Array, weights: Array) -> Array:
    """Macro one-versus-rest average precision, (resamples,): the sum of precision times the step in recall.

    Items of equal probability are one step, as in scikit-learn. A class without positives is left out of the mean.
    """
    sums, positives = [], []
    for c in range(probabilities.shape[1]):
        order = np.argsort(-probabilities[:, c], kind="stable")
        scores = probabilities[order, c]
        ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
        drawn = weights[:, order]
        said = np.cumsum(drawn, axis=1)[:, ends]
        right = np.cumsum(drawn * (labels[order] == c), axis=1)[:, ends]
        steps = np.diff(right, axis=1, prepend=0.0)
        sums.append(np.sum(steps * np.divide(right, said, out=np.zeros_like(said), where=said > 0), axis=1))
        positives.append(right[:, -1])
    return _mean_where(np.stack(sums, axis=1), np.stack(positives, axis=1))


def ece(labels: Array, probabilities: Array, weights: Array) -> Array:
    """Expected calibration error of the predicted class, (resamples,): confidence in bins beside the share right."""
    confidence, correct, bins = calibration(labels, probabilities)
    inside = np.zeros((len(labels), ECE_BINS))
    inside[np.arange(len(labels)), bins] = 1.0
    gaps = np.abs(weights @ (inside * (confidence - correct)[:, None]))
    return gaps.sum(axis=1) / weights.sum(axis=1)


def calibration(labels: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    """Of each item: the confidence in the predicted class, whether it is right (0.0 or 1.0), and its bin, (items,)."""
    confidence = probabilities.max(axis=1)
    correct = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    # A confidence on a border belongs to the bin below it.
    return confidence, correct, np.clip(np.ceil(confidence * ECE_BINS).astype(int) - 1, 0, ECE_BINS - 1)


def brier(labels: Array, probabilities: Array, weights: Array) -> Array:
    """Brier score over all classes, (resamples,): the squared distance from the one-hot label, 0 to 2."""
    distance = ((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(axis=1)
    return weights @ distance / weights.sum(axis=1)


def negative_log_likelihood(labels: Array, probabilities: Array, weights: Array) -> Array:
    """Mean of -log of the true class's probability, nats, (resamples,)."""
    loss = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], _SMALLEST))
    return weights @ loss / weights.sum(axis=1)


FROM_COUNTS: dict[str, Callable[[Array], Array]] = {
    "balanced_accuracy": balanced_accuracy,
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "cohen_kappa": cohen_kappa,
}
FROM_PROBABILITIES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "auroc": auroc,
    "average_precision": average_precision,
    "ece": ece,
    "brier": brier,
    "negative_log_likelihood": negative_log_likelihood,
}
OF_A_CLASS: dict[str, Callable[[Array], Array]] = {"recall": recall, "precision": precision}
METRICS = (*FROM_COUNTS, *FROM_PROBABILITIES)
LOWER_IS_BETTER = frozenset({"ece", "brier", "negative_log_likelihood"})
NEED_ALL_CLASSES = frozenset({"auroc", "average_precision"})
"""Those that have no value where a class does not occur: the mean over the other classes would be another metric."""


def all_metrics(labels: Array, probabilities: Array, weights: Array) -> dict[str, Array]:
    """Every metric of `METRICS`, each (resamples,), and every one of `OF_A_CLASS`, each (resamples, C)."""
    counts = confusion(labels, probabilities.argmax(axis=1), probabilities.shape[1], weights)
    return {
        **{name: metric(counts) for name, metric in (*FROM_COUNTS.items(), *OF_A_CLASS.items())},
        **{name: metric(labels, probabilities, weights) for name, metric in FROM_PROBABILITIES.items()},
    }


def _diagonal(counts: Array) -> Array:
    return np.diagonal(counts, axis1=1, axis2=2)


def _ratio(numerator: Array, denominator: Array) -> Array:
    """NaN where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.full_like(denominator, np.nan), where=denominator > 0)


def _mean_where(numerator: Array, denominator: Array) -> Array:
    """Mean over the last axis of the ratios whose denominator is not zero; NaN where there is none."""
    defined = denominator > 0
    ratios = np.divide(numerator, denominator, out=np.zeros_like(denominator), where=defined)
    n = defined.sum(axis=1)
    return np.divide(ratios.sum(axis=1), n, out=np.full(len(n), np.nan), where=n > 0)
