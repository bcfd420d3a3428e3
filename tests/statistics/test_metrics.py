import numpy as np
import pytest
from sklearn import metrics as sk

from clipit.statistics.metrics import all_metrics, auroc, balanced_accuracy, confusion, macro_f1


@pytest.fixture
def case() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    # Rounded, so that scores tie.
    probabilities = np.round(rng.dirichlet(np.ones(4), 300) + 0.3 * np.eye(4)[labels], 1)
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def test_metrics_equal_sklearns(case: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = case
    predicted = probabilities.argmax(axis=1)
    ours = all_metrics(labels, probabilities, np.ones((1, len(labels))))
    assert ours["balanced_accuracy"][0] == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    assert ours["accuracy"][0] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert ours["macro_f1"][0] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert ours["auroc"][0] == pytest.approx(sk.roc_auc_score(labels, probabilities, multi_class="ovr"))


def test_weights_mean_repeated_patches(case: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = case
    weights = np.random.default_rng(1).integers(0, 4, (5, len(labels)))
    weighted = all_metrics(labels, probabilities, weights.astype(float))
    for row, counts in enumerate(weights):
        repeated = np.repeat(labels, counts), np.repeat(probabilities, counts, axis=0)
        once = all_metrics(*repeated, np.ones((1, counts.sum())))
        for name, value in once.items():
            assert weighted[name][row] == pytest.approx(value[0]), name


def test_confusion_has_true_classes_in_rows() -> None:
    counts = confusion(np.array([0, 0, 1]), np.array([1, 0, 1]), 2, np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 0.0]]))
    assert counts.tolist() == [[[1, 1], [0, 1]], [[0, 2], [0, 0]]]


def test_absent_class_is_left_out() -> None:
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    counts = confusion(labels, predicted, 3, np.ones((1, 4)))
    assert balanced_accuracy(counts)[0] == pytest.approx(0.75)
    assert macro_f1(counts)[0] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    probabilities = np.array([[0.8, 0.1, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1]])
    assert auroc(labels, probabilities, np.ones((1, 4)))[0] == pytest.approx(1.0)
