"""The probe and the intervals of scores."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from clipit.triage import classify


def test_the_probe_learns_a_planted_class_and_no_noise() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 400)
    features = np.eye(3, 8)[label] + rng.normal(0, 0.3, (400, 8))
    said = classify.probe(features[:200], label[:200], features[200:])
    assert (said == label[200:]).mean() > 0.9
    noise = classify.probe(rng.normal(size=(200, 8)), label[:200], rng.normal(size=(200, 8)))
    assert (noise == label[200:]).mean() < 0.5


def test_a_large_train_set_is_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify, "MOST_TRAIN", 60)
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 3000)
    features = np.eye(3, 8)[label] + rng.normal(0, 0.3, (3000, 8))
    one, again = (classify.probe(features, label, features) for _ in range(2))
    assert (one == again).all()
    assert (one == label).mean() > 0.8


def test_zero_shot_takes_the_nearest_text() -> None:
    assert classify.zero_shot(np.array([[0.1, 0.9], [1.0, 0.0]]), np.eye(2)).tolist() == [1, 0]


def test_scores_are_balanced_accuracies_with_paired_resamples() -> None:
    rng = np.random.default_rng(0)
    label = rng.choice(3, 200, p=[0.7, 0.2, 0.1])
    said = {"same": label, "one": np.zeros(200, int), "some": np.where(rng.random(200) < 0.7, label, 0)}
    figures, samples = classify.score(label, said, np.repeat(np.arange(40), 5), 3, 100)
    assert figures["same"] == {"value": 1, "low": 1, "high": 1}
    assert figures["one"]["value"] == pytest.approx(1 / 3)
    some = figures["some"]
    assert some["value"] == pytest.approx(balanced_accuracy_score(label, said["some"]))
    assert some["low"] < some["value"] < some["high"]
    assert (samples["same"] - samples["some"] >= 0).all()
