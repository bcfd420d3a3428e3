import numpy as np
import pytest
from sklearn.metrics import roc_curve

from clipit.evaluation.drawn import _roc, reliability, roc_curves
from clipit.evaluation.predictions import read_predictions
from clipit.statistics.metrics import auroc, ece


def test_reliability_sums_to_the_calibration_error(write_predictions) -> None:
    test = read_predictions(write_predictions("a", 1.0))["test"]
    bins = reliability(test)
    assert sum(one["n"] for one in bins) == len(test.labels)
    gap = sum(one["n"] * abs(one["confidence"] - one["accuracy"]) for one in bins) / len(test.labels)
    assert gap == pytest.approx(ece(test.labels, test.probabilities, np.ones((1, len(test.labels))))[0])


def test_the_area_under_the_curves_is_the_auroc(write_predictions) -> None:
    test = read_predictions(write_predictions("a", 1.0, n=3000))["test"]
    curves = roc_curves(test)
    areas = [np.trapezoid(curve, dx=1 / 50) for curve in curves.values()]
    expected = auroc(test.labels, test.probabilities, np.ones((1, len(test.labels))))[0]
    assert np.mean(areas) == pytest.approx(expected, abs=0.01)
    assert all(curve[-1] == 1 and np.all(np.diff(curve) >= 0) for curve in curves.values())


def test_a_curve_is_scikit_learn_s_with_ties() -> None:
    rng = np.random.default_rng(0)
    positive, scores = rng.random(300) < 0.4, np.round(rng.random(300), 1)
    expected = {}
    for false, true in zip(*roc_curve(positive, scores, drop_intermediate=False)[:2], strict=True):
        expected[false] = max(true, expected.get(false, 0.0))
    false, true = _roc(positive, scores)
    assert dict(zip(false, true, strict=True)) == pytest.approx(expected)


def test_a_class_without_patches_has_no_curve(write_predictions) -> None:
    test = read_predictions(write_predictions("a", 1.0, labels=np.array([0, 1] * 30)))["test"]
    assert set(roc_curves(test)) == {"gland", "tumour"}
