import numpy as np
import pytest

from clipit.reporting.certainty import certainty, reliability, roc
from clipit.reporting.svg import looks


def split(bins, curves):
    names = ("middle", "n", "confidence", "accuracy")
    return {"calibration": [dict(zip(names, one, strict=True)) for one in bins], "roc": curves}


SEEDS = [
    split(
        [(0.3, 19, 0.3, 0.0), (0.5, 30, 0.52, 0.4), (0.9, 20, 0.9, 1.0)], {"a": [0.0, 0.5, 1.0], "b": [0.5, 1.0, 1.0]}
    ),
    split([(0.5, 10, 0.48, 0.8)], {"a": [0.0, 0.5, 1.0]}),
]


def test_the_items_of_all_seeds_count_alike() -> None:
    confidence, accuracy = reliability(SEEDS)
    assert confidence == pytest.approx([0.51, 0.9])
    assert accuracy == pytest.approx([0.5, 1.0])


def test_the_curve_is_the_mean_over_classes_and_seeds() -> None:
    assert roc(SEEDS) == pytest.approx(np.array([0.5, 2.0, 3.0]) / 3)
    assert roc([split([], {})]) is None


def test_a_drawing_is_the_same_every_time_and_read_aloud() -> None:
    look_of = looks({"rows": [{"variant": "lora_only"}, {"variant": "clipit"}]})
    drawn = certainty({"clipit": SEEDS, "lora_only": SEEDS[:1]}, look_of, "demo")
    assert drawn == certainty({"clipit": SEEDS, "lora_only": SEEDS[:1]}, look_of, "demo")
    assert look_of["clipit"]["color"] in drawn and look_of["lora_only"]["color"] in drawn
    assert 'aria-label="Reliability and ROC of clipit, lora_only; the numbers' in drawn
    assert "<script" not in drawn
