"""A test set centre by centre."""

import json

import numpy as np
import pytest

from clipit.artifacts.provenance import Origin
from clipit.evaluation.bootstrap import resample_balanced_accuracy, resample_metrics
from clipit.evaluation.centres import by_centre, centre_figures
from clipit.evaluation.evaluate import evaluate
from clipit.evaluation.predictions import read_predictions


def test_metrics_of_each_centre_are_of_its_own_patches(write_predictions, tmp_path) -> None:
    predictions = write_predictions("run", 1.5, centres=["north", "south", "south", None])
    evaluate(predictions, tmp_path / "m.json", variant="clipit", resamples=100, origin=Origin("evaluate"))
    splits = json.loads((tmp_path / "m.json").read_text())["splits"]
    assert "centres" not in splits["val"]
    found = splits["test"]["centres"]
    assert [(one["centre"], one["n"]) for one in found] == [("north", 48), ("south", 96)]
    test = read_predictions(predictions)["test"]
    for one in found:
        here = test.centres == one["centre"]
        recalls = [np.mean(test.correct[here & (test.labels == c)]) for c in range(3)]
        assert one["values"] == [pytest.approx(np.mean(recalls))]
        assert one["low"] < one["mean"] < one["high"]
        assert (one["std"], one["absent"]) == (None, [])


def test_one_centre_is_no_comparison(write_predictions) -> None:
    for centres in (None, ["north"], ["north", None]):
        assert by_centre(read_predictions(write_predictions("run", 1.0, centres=centres))["test"]) == {}


def test_a_class_that_a_centre_lacks_is_in_no_mean_of_it(write_predictions) -> None:
    # Every third patch is of one class, and of one centre.
    test = read_predictions(write_predictions("run", 1.0, centres=["a", "b", "b"]))["test"]
    first, second = centre_figures([test], 50)
    assert (first["absent"], second["absent"]) == (["tumour", "stroma"], ["gland"])
    assert first["values"] == [pytest.approx(np.mean(test.correct[test.labels == 0]))]


def test_seeds_are_averaged(write_predictions) -> None:
    seeds = [read_predictions(write_predictions(str(s), 1.0, s, centres=["a", "b"]))["test"] for s in (0, 1)]
    for one in centre_figures(seeds, 50):
        assert one["mean"] == pytest.approx(np.mean(one["values"]))
        assert one["std"] == pytest.approx(np.std(one["values"], ddof=1))


def test_the_quick_resampling_is_that_of_all_metrics(write_predictions) -> None:
    test = read_predictions(write_predictions("run", 1.0))["test"]
    (quick,) = resample_balanced_accuracy([test], 50)
    assert quick.tolist() == resample_metrics([test], 50)[0]["balanced_accuracy"].tolist()


def test_few_patients_are_warned_of_and_of_one_there_is_no_interval(write_predictions) -> None:
    seeds = [read_predictions(write_predictions("run", 1.0, centres=["a", "b", "b"], groups=1))["test"]]
    for one in centre_figures(seeds, 50):
        assert (one["low"], one["high"]) == (None, None)
        assert one["warning"] == "only 1 group: intervals too narrow; only 1 seed: another may differ"
