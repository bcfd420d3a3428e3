"""What reliability diagrams and ROC curves are drawn from."""

from typing import Any

import numpy as np

from clipit.evaluation.predictions import Predictions
from clipit.statistics.metrics import ECE_BINS, calibration

_POINTS = np.linspace(0.0, 1.0, 51)
"""False positive rates that a curve is given at, so that those of several seeds can be averaged."""


def reliability(split: Predictions) -> list[dict[str, Any]]:
    """Of each bin of confidence that is not empty: its middle, items, mean confidence, and share that is right."""
    confidence, correct, bins = calibration(split.labels, split.probabilities)
    return [
        {
            "middle": (b + 0.5) / ECE_BINS,
            "n": int(inside.sum()),
            "confidence": float(confidence[inside].mean()),
            "accuracy": float(correct[inside].mean()),
        }
        for b in range(ECE_BINS)
        if (inside := bins == b).any()
    ]


def roc_curves(split: Predictions) -> dict[str, list[float]]:
    """Of each class against the rest, where both occur: true positive rates at 51 false positive rates from 0 to 1."""
    curves = {}
    for c, name in enumerate(split.classes):
        positive = split.labels == c
        if positive.any() and not positive.all():
            curves[name] = np.interp(_POINTS, *_roc(positive, split.probabilities[:, c])).tolist()
    return curves


def _roc(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates at every score as the threshold, rising; of equal false ones the highest true one.

    scikit-learn has this too, and takes longer to import than all else of an evaluation takes.
    """
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], positive[order]
    at = np.append(scores[1:] != scores[:-1], True)  # items of equal scores are called alike
    true, false = np.append(0, np.cumsum(right)[at]), np.append(0, np.cumsum(~right)[at])
    last = np.append(np.diff(false) > 0, True)
    return false[last] / false[-1], true[last] / true[-1]
