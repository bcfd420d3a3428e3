from pathlib import Path

import numpy as np
import pytest

from clipit.evaluation.levels import at_level
from clipit.evaluation.predictions import Predictions


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
