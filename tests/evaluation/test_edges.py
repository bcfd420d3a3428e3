"""Odd data, from the predictions to the page: sensible numbers, or a refusal that says what to do."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import read_json
from clipit.evaluation.compare import compare
from clipit.evaluation.evaluate import evaluate
from clipit.reporting.build import build_report
from clipit.runtime.errors import UserError

N = 240
TRUTH = np.arange(N) % 3
ROW = {"dataset": "phantom"}
VARIANTS = ("lora_only", "clipit")


@pytest.fixture
def analysed(write_predictions: Callable[..., Path], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs an analysis of both variants to its end, the page; gives the table."""

    def run(seeds: Sequence[int] = (0, 1, 2), **options: Any) -> dict[str, Any]:
        runs: list[Mapping[str, Any]] = []
        for i, variant in enumerate(VARIANTS):
            for seed in seeds:
                predictions = write_predictions(f"{variant}/{seed}", 1.0 + i, seed, **options)
                metrics = predictions.with_name("metrics.json")
                evaluate(predictions, metrics, variant=variant, resamples=50, origin=Origin("evaluate", seed=seed))
                runs.append({"row": ROW, "variant": variant, "seed": seed, "metrics": metrics,
                             "predictions": predictions, "student": None, "history": None})  # fmt: skip
        outs = [tmp_path / f"odd.{suffix}" for suffix in ("csv", "md", "json")]
        compare(runs, *outs, origin=Origin("compare"), resamples=100)
        experiment = {"name": "odd", "title": "Odd", "table_json": outs[2], "runs": runs, "audits": [],
                      "pairings_json": None, "montage": None, "explained": None, "slides": []}  # fmt: skip
        page = tmp_path / "index.html"
        build_report(page, experiments=[experiment], meanings=dict.fromkeys(VARIANTS, "means"), show_text=False,
                     explorer=False, embeddings=[], costs=[], job_list=tmp_path / "none", sources=[], configuration={},
                     synthetic=True, origin=Origin("report"))  # fmt: skip
        for text in (page.read_text(), outs[1].read_text(), outs[0].read_text()):
            assert not re.search(r"\bnan\b", text, re.IGNORECASE), "no number that is none"
        table: dict[str, Any] = read_json(outs[2])
        return table

    return run


def metric(table: Mapping[str, Any], name: str = "balanced_accuracy", line: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = table["rows"][line]["metrics"][name]
    return found


def test_one_seed_has_no_spread_and_says_so(analysed: Callable[..., dict[str, Any]]) -> None:
    table = analysed(seeds=[0])
    assert metric(table)["std"] is None
    assert metric(table)["low"] < metric(table)["mean"] < metric(table)["high"]
    assert all("only 1 seed" in line["warning"] for line in table["rows"])


@pytest.mark.parametrize("groups", [None, 24])
def test_a_class_that_the_test_lacks(analysed: Callable[..., dict[str, Any]], groups: int | None) -> None:
    table = analysed(labels=TRUTH % 2, groups=groups)
    for name in ("auroc", "average_precision"):
        assert metric(table, name)["mean"] is None
        assert metric(table, name)["reason"] == "no patch of class stroma"
    assert 0.3 < metric(table)["mean"] < 1, "the mean recall of the classes that there are"


@pytest.mark.parametrize("groups", [None, 24])
def test_a_class_of_one_patch(analysed: Callable[..., dict[str, Any]], groups: int | None) -> None:
    labels = TRUTH % 2
    labels[1] = 2
    table = analysed(labels=labels, groups=groups)
    assert metric(table, "auroc")["mean"] is not None
    independent = table["comparisons"][0]["independent"]
    assert (independent is None) == (groups is not None)
    if independent:
        assert "stroma" not in independent["delong"]


@pytest.mark.parametrize("groups", [None, 24])
def test_probabilities_that_are_all_equal(analysed: Callable[..., dict[str, Any]], groups: int | None) -> None:
    """Of equals the first class is said, so that a third is right; ranks have nothing to say."""
    table = analysed(probabilities=np.full((N, 3), 1 / 3), groups=groups)
    assert metric(table)["mean"] == pytest.approx(1 / 3)
    assert metric(table, "auroc")["mean"] == pytest.approx(0.5)
    assert metric(table, "cohen_kappa")["mean"] == pytest.approx(0)
    (comparison,) = table["comparisons"]
    assert (comparison["value"], comparison["p"], comparison["effect_size"]) == (0, 1, None)
    assert table["verdicts"][0]["outcome"] == "no_evidence"


@pytest.mark.parametrize("groups", [None, 24])
def test_predictions_that_are_perfect(analysed: Callable[..., dict[str, Any]], groups: int | None) -> None:
    table = analysed(probabilities=np.eye(3)[TRUTH], groups=groups)
    for name in ("balanced_accuracy", "macro_f1", "auroc", "average_precision", "cohen_kappa"):
        found = metric(table, name)
        assert (found["mean"], found["low"], found["high"]) == pytest.approx((1, 1, 1)), name
    for name in ("ece", "brier", "negative_log_likelihood"):
        assert metric(table, name)["mean"] == pytest.approx(0, abs=1e-9), name
    assert table["comparisons"][0]["p"] == 1


def test_surely_wrong_costs_much_but_not_infinitely(analysed: Callable[..., dict[str, Any]]) -> None:
    table = analysed(probabilities=np.eye(3)[(TRUTH + 1) % 3])
    assert metric(table)["mean"] == 0
    assert 80 < metric(table, "negative_log_likelihood")["mean"] < 100


def test_one_class_is_all_there_is(analysed: Callable[..., dict[str, Any]]) -> None:
    table = analysed(labels=np.zeros(N, dtype=np.int64), probabilities=np.eye(3)[np.zeros(N, dtype=int)])
    assert metric(table)["mean"] == 1
    assert metric(table, "cohen_kappa")["mean"] is None
    assert metric(table, "cohen_kappa")["reason"] == "one class is all there is"


def test_probabilities_that_are_no_numbers_are_refused(analysed: Callable[..., dict[str, Any]]) -> None:
    odd = np.full((N, 3), 1 / 3)
    odd[17, 1] = np.nan
    with pytest.raises(UserError, match="probabilities that are not numbers: training diverged, lower the learning"):
        analysed(probabilities=odd)
