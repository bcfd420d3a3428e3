import numpy as np
import pytest

from clipit.evaluation.independent import independent_tests
from clipit.evaluation.predictions import read_predictions


def test_the_seeds_are_averaged_and_groups_refused(write_predictions) -> None:
    one, other = (
        [read_predictions(write_predictions(f"{name}{s}", skill, s, groups=None))["test"] for s in range(2)]
        for name, skill in (("a", 1.5), ("b", 0.2))
    )
    found = independent_tests(one, other)
    mean = np.mean([model.probabilities for model in one], axis=0).argmax(axis=1) == one[0].labels
    against = np.mean([model.probabilities for model in other], axis=0).argmax(axis=1) == one[0].labels
    assert found["mcnemar"]["only_one"] == int((mean & ~against).sum())
    assert found["mcnemar"]["p"] < 0.01
    assert set(found["delong"]) == {"gland", "tumour", "stroma"}
    assert all(area["difference"] > 0 and area["p"] < 0.01 for area in found["delong"].values())
    assert independent_tests(other, one)["mcnemar"]["p"] == pytest.approx(found["mcnemar"]["p"])

    grouped = [read_predictions(write_predictions("g", 1.0))["test"]]
    assert independent_tests(grouped, grouped) is None


def test_a_class_of_one_item_has_no_area(write_predictions) -> None:
    labels = np.array([0, 1] * 40 + [0, 2, 1])
    model = [read_predictions(write_predictions("a", 1.0, groups=None, labels=labels))["test"]]
    found = independent_tests(model, model)
    assert set(found["delong"]) == {"gland", "tumour"}
    assert found["mcnemar"] == {"only_one": 0, "only_other": 0, "p": 1.0}
