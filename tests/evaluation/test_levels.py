from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipit.evaluation.levels import at_level, level_figures
from clipit.evaluation.predictions import Predictions, read_predictions


def predictions(labels, groups, sources, probabilities=None):
    if probabilities is None:
        probabilities = np.full((len(labels), 2), 0.5)
    arrays = [None if codes is None else np.asarray(codes) for codes in (labels, groups, sources)]
    return Predictions(Path("p"), ["a", "b"], *arrays, np.asarray(probabilities), "digest", {})


def test_probabilities_are_averaged_by_image_and_by_patient() -> None:
    patches = predictions(
        [1, 1, 0, 0, 1], [0, 0, 1, 1, 0], [0, 0, 2, 2, 1],
        [[0.2, 0.8], [0.6, 0.4], [0.9, 0.1], [0.7, 0.3], [0.1, 0.9]],
    )  # fmt: skip
    images = at_level(patches, "image")
    assert images.labels.tolist() == [1, 1, 0]
    assert images.groups.tolist() == [0, 0, 1]
    assert images.probabilities == pytest.approx(np.array([[0.4, 0.6], [0.1, 0.9], [0.8, 0.2]]))
    patients = at_level(patches, "group")
    assert patients.labels.tolist() == [1, 0]
    assert patients.groups is None, "each is one item, resampled within its class"
    assert patients.probabilities == pytest.approx(np.array([[0.3, 0.7], [0.8, 0.2]]))
    assert len({patches.items, images.items, patients.items}) == 3


def test_no_level_without_items_of_its_own() -> None:
    assert at_level(predictions([0, 1], None, [0, 1]), "group") is None
    assert at_level(predictions([0, 1], None, [0, 1]), "image") is None, "one patch an image"
    assert at_level(predictions([0, 1, 1], [0, 0, 1], [0, 1, 2]), "group") is None, "a patient of two classes"


def test_the_table_has_whole_images_and_patients(write_predictions: Callable[..., Path]) -> None:
    """Eight patches of one class an image, two images a patient."""
    image = np.arange(240) // 8
    options: dict[str, Any] = {"labels": image // 2 % 3, "sources": image, "groups": None}
    seeds = [read_predictions(write_predictions(str(seed), 0.4, seed, **options))["test"] for seed in (0, 1)]
    (found,) = level_figures(seeds, 100)
    assert (found["level"], found["n"], found["absent"]) == ("image", 30, [])
    for seed, value in zip(seeds, found["values"], strict=True):
        whole = at_level(seed, "image")
        assert whole is not None
        assert value == pytest.approx(np.mean([np.mean(whole.correct[whole.labels == c]) for c in range(3)]))
        assert value > np.mean(seed.correct), "a mean of eight is right more often than one"
    assert found["low"] < found["mean"] < found["high"]
