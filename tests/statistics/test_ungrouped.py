import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from clipit.statistics.ungrouped import delong, mcnemar, roc_areas

# Albumin, total protein, K-G score and outcome of 43 patients with ovarian cancer and an obstructed bowel: the example
# of DeLong, DeLong and Clarke-Pearson (1988).
PATIENTS = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0  1.6 5.6 5 1  3.8 5.7 5 1
3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0
4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1
4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1
2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1  3.6 6.6 5 1
"""


def test_the_published_example() -> None:
    albumin, protein, kg, outcome = np.array(PATIENTS.split(), float).reshape(-1, 4).T
    areas, covariance = roc_areas(outcome == 1, np.stack([albumin, 10 - kg, protein]))
    assert areas == pytest.approx([0.7366, 0.7258, 0.6478], abs=5e-5)
    assert np.sqrt(np.diag(covariance)) == pytest.approx([0.0927, 0.1028, 0.1000], abs=5e-5)
    contrast = np.array([[1, -1, 0], [0, -1, 1]])
    gaps = contrast @ areas
    chi_square = gaps @ np.linalg.inv(contrast @ covariance @ contrast.T) @ gaps
    assert chi_square == pytest.approx(2.5340, abs=5e-5)
    assert stats.chi2.sf(chi_square, 2) == pytest.approx(0.2817, abs=5e-5)


def test_areas_are_those_of_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    positive, scores = rng.random(200) < 0.3, np.round(rng.random((2, 200)), 1)
    areas, _ = roc_areas(positive, scores)
    assert areas == pytest.approx([roc_auc_score(positive, score) for score in scores])


def test_false_positive_rates_on_null_data() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(400):
        positive = np.arange(80) < 30
        shared = rng.normal(size=80) + positive
        one, other = (shared + rng.normal(size=80) for _ in range(2))
        right = [(score > 0.5) == positive for score in (one, other)]
        found.append([delong(positive, one, other).p < 0.05, mcnemar(*right).p < 0.05])
    delong_rate, mcnemar_rate = np.mean(found, axis=0)
    assert 0.02 <= delong_rate <= 0.085
    assert mcnemar_rate <= 0.07, "the exact test keeps below its level"


def test_mcnemar_counts_the_items_that_the_two_differ_on() -> None:
    one, other = np.array([1, 1, 1, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 0, 1, 0])
    assert mcnemar(one, other) == (5, 1, pytest.approx(14 / 64))
    assert mcnemar(one, one) == (0, 0, 1.0)


def test_equal_scores_do_not_differ_and_too_few_items_are_refused() -> None:
    positive, score = np.arange(6) < 3, np.arange(6.0)
    assert delong(positive, score, score) == (0.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="1 positives"):
        delong(np.arange(6) < 1, score, score)
