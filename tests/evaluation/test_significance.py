import numpy as np
import pytest
from scipy import stats

from clipit.evaluation.predictions import read_predictions
from clipit.evaluation.significance import contributions, holm, sign_flip_p


def test_contributions_sum_to_the_difference_of_balanced_accuracies(write_predictions) -> None:
    from sklearn.metrics import balanced_accuracy_score as score

    labels = np.array([0] * 100 + [1] * 30 + [2] * 50)
    one = [read_predictions(write_predictions(f"a{s}", 1.5, s, labels=labels))["test"] for s in range(3)]
    other = [read_predictions(write_predictions(f"b{s}", 0.5, s, labels=labels))["test"] for s in range(2)]
    expected = [np.mean([score(p.labels, p.probabilities.argmax(axis=1)) for p in side]) for side in (one, other)]
    units = contributions(one, other)
    assert len(units) == 24
    assert units.sum() == pytest.approx(expected[0] - expected[1])


def test_small_samples_are_enumerated() -> None:
    assert sign_flip_p(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 8)
    assert sign_flip_p(np.array([1.0, -1.0, 0.0])) == 1.0
    assert sign_flip_p(np.zeros(4)) == 1.0


def test_p_equals_scipys() -> None:
    units = np.random.default_rng(2).normal(0.3, 1.0, 40)
    expected = stats.permutation_test((units,), np.sum, permutation_type="samples", n_resamples=20_000, rng=0).pvalue
    assert sign_flip_p(units) == pytest.approx(expected, abs=0.02)


def test_false_positive_rate_on_null_data() -> None:
    rng = np.random.default_rng(0)
    rejected = sum(sign_flip_p(rng.standard_t(3, 30), flips=400) < 0.05 for _ in range(400))
    assert 6 <= rejected <= 34


def test_power_on_a_real_effect() -> None:
    assert sign_flip_p(np.random.default_rng(0).normal(1.0, 1.0, 40)) < 0.001


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
