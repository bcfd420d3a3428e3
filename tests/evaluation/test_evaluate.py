import json

import numpy as np
import pytest

from clipit.artifacts.provenance import Origin
from clipit.evaluation.evaluate import evaluate
from clipit.runtime.errors import UserError


def _evaluate(predictions, out):
    evaluate(predictions, out, variant="clipit", resamples=200, origin=Origin("evaluate", seed=7))
    return json.loads(out.read_text())


def test_metrics_file(write_predictions, tmp_path) -> None:
    found = _evaluate(write_predictions("run", 1.5), tmp_path / "metrics.json")
    assert (found["variant"], found["seed"], found["classes"]) == ("clipit", 7, ["gland", "tumour", "stroma"])
    assert found["provenance"]["lineage"] == {"patches": "a"}
    test = found["splits"]["test"]
    assert (test["n"], test["n_groups"], found["splits"]["val"]["n"]) == (192, 24, 48)
    assert sum(map(sum, test["confusion"])) == 192
    for metric in test["metrics"].values():
        assert 0 < metric["low"] < metric["value"] < metric["high"] <= 1


def test_order_of_rows_does_not_matter(write_predictions, tmp_path) -> None:
    plain = _evaluate(write_predictions("a", 1.0), tmp_path / "a.json")["splits"]
    assert _evaluate(write_predictions("b", 1.0, shuffle=True), tmp_path / "b.json")["splits"] == plain


def test_equal_inputs_give_equal_bytes(write_predictions, tmp_path) -> None:
    predictions = write_predictions("a", 1.0)
    for name in ("a.json", "b.json"):
        _evaluate(predictions, tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_auroc_is_null_with_a_reason_when_a_class_is_absent(write_predictions, tmp_path) -> None:
    labels = np.array([0, 1] * 60)
    test = _evaluate(write_predictions("run", 1.0, labels=labels, groups=None), tmp_path / "m.json")["splits"]["test"]
    assert test["n_groups"] is None
    assert test["metrics"]["auroc"]["value"] is None
    assert test["metrics"]["auroc"]["reason"] == "no patch of class stroma"
    assert test["metrics"]["balanced_accuracy"]["value"] > 0.4


def test_empty_predictions_are_refused(write_predictions, tmp_path) -> None:
    with pytest.raises(UserError, match="holds no predictions"):
        _evaluate(write_predictions("run", 1.0, labels=np.array([], dtype=int)), tmp_path / "m.json")
