from pathlib import Path

import numpy as np

from clipit.evaluation.bootstrap import resample_metrics
from clipit.evaluation.predictions import Predictions
from clipit.statistics.resampling import interval


def _binary(correct: np.ndarray, groups: np.ndarray | None) -> Predictions:
    """Two classes in turn; `correct` says which patches are classified well."""
    labels = np.arange(len(correct)) % 2
    probabilities = np.eye(2)[np.where(correct, labels, 1 - labels)]
    return Predictions(Path("p"), ["a", "b"], labels, groups, None, probabilities, "", {})


def test_interval_covers_the_truth_and_groups_widen_it() -> None:
    """30 patients of 10 patches, right or wrong as a patient: only the cluster bootstrap covers the true 0.7."""
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(30), 10)
    covered = {"grouped": 0, "ungrouped": 0}
    for _ in range(60):
        correct = np.repeat(rng.random(30) < 0.7, 10)
        for name, known in (("grouped", groups), ("ungrouped", None)):
            samples = resample_metrics([_binary(correct, known)], 200)[0]["balanced_accuracy"]
            low, high = interval(samples)
            covered[name] += low <= 0.7 <= high
    assert covered["grouped"] >= 50
    assert covered["ungrouped"] <= 42
