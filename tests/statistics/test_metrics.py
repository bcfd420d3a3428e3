import numpy as np
import pytest
from sklearn import metrics as sk

from clipit.statistics.metrics import METRICS, all_metrics, auroc, balanced_accuracy, confusion, ece, macro_f1


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
    assert ours["cohen_kappa"][0] == pytest.approx(sk.cohen_kappa_score(labels, predicted))
    assert ours["auroc"][0] == pytest.approx(sk.roc_auc_score(labels, probabilities, multi_class="ovr"))
    by_class = [sk.average_precision_score(labels == c, probabilities[:, c]) for c in range(4)]
    assert ours["average_precision"][0] == pytest.approx(np.mean(by_class))
    assert ours["brier"][0] == pytest.approx(sk.brier_score_loss(labels, probabilities, labels=range(4)))
    assert ours["negative_log_likelihood"][0] == pytest.approx(
        sk.log_loss(labels, np.clip(probabilities, np.finfo(np.float32).tiny, None)), rel=1e-6
    )
    assert ours["recall"][0] == pytest.approx(sk.recall_score(labels, predicted, average=None))
    assert ours["precision"][0] == pytest.approx(sk.precision_score(labels, predicted, average=None))


def test_ece_equals_torchmetrics(case: tuple[np.ndarray, np.ndarray]) -> None:
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    labels, _ = case
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.ones(4), len(labels)).astype(np.float32)
    theirs = multiclass_calibration_error(torch.from_numpy(probabilities), torch.from_numpy(labels), 4, n_bins=15)
    assert ece(labels, probabilities, np.ones((1, len(labels))))[0] == pytest.approx(float(theirs), abs=1e-6)


def test_weights_mean_repeated_patches(case: tuple[np.ndarray, np.ndarray]) -> None:
    labels, probabilities = case
    weights = np.random.default_rng(1).integers(0, 4, (5, len(labels)))
    weighted = all_metrics(labels, probabilities, weights.astype(float))
    for row, counts in enumerate(weights):
        repeated = np.repeat(labels, counts), np.repeat(probabilities, counts, axis=0)
        once = all_metrics(*repeated, np.ones((1, counts.sum())))
        for name, value in once.items():
            assert weighted[name][row] == pytest.approx(value[0], nan_ok=True), name


def test_perfect_and_certain_predictions() -> None:
    labels = np.array([0, 1, 2, 1])
    found = all_metrics(labels, np.eye(3)[labels], np.ones((1, 4)))
    worst = {"ece": 0.0, "brier": 0.0, "negative_log_likelihood": 0.0}
    assert {name: found[name][0] for name in METRICS} == {name: worst.get(name, 1.0) for name in METRICS}
    wrong = all_metrics(labels, np.eye(3)[(labels + 1) % 3], np.ones((1, 4)))
    assert wrong["brier"][0] == 2
    assert np.isfinite(wrong["negative_log_likelihood"][0])


def test_one_class_leaves_kappa_without_a_value() -> None:
    found = all_metrics(np.zeros(3, int), np.eye(2)[np.zeros(3, int)], np.ones((1, 3)))
    assert np.isnan(found["cohen_kappa"][0])
    assert np.isnan(found["recall"][0, 1])
    assert np.isnan(found["precision"][0, 1])
    assert found["balanced_accuracy"][0] == 1


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
