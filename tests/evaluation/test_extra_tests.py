"""The same models on another data set: a table of its own, all of it secondary."""

import json

import numpy as np
import pytest

from clipit.artifacts.provenance import Origin
from clipit.evaluation.compare import compare
from clipit.evaluation.evaluate import evaluate
from clipit.runtime.errors import UserError

OWN = {"lora_only": 1.5, "image_distillation": 1.6, "clipit": 2.5}
THERE = {"lora_only": 0.6, "image_distillation": 0.7, "clipit": 1.4}
EXTRA = {"id": "other-00000000", "dataset": "other", "split": "all"}
NOTED = {
    "split": "all",
    "classes": {"gland": "gland", "carcinoma": "tumour", "stroma": "stroma"},
    "unmapped": {"fat": 1200},
    "seen": {"train": 3},
    "shared": 2,
    "mpp": {"own": 0.5, "here": 0.25},
}


@pytest.fixture
def compared(write_predictions, tmp_path):
    """Compares models of known skill, tested elsewhere with other skill; returns (table, Markdown)."""

    def run(extra_tests=(EXTRA,), noted=NOTED, centres=None, **there_alone):
        def written(name, skill, seed, **more):
            predictions = write_predictions(name, skill, seed, **more)
            metrics = predictions.with_name("metrics.json")
            evaluate(predictions, metrics, variant="any", resamples=20, origin=Origin("evaluate", seed=seed))
            return {"metrics": str(metrics), "predictions": str(predictions)}

        runs = []
        for variant in OWN:
            for seed in (0, 1):
                there = written(
                    f"there/{variant}/{seed}",
                    THERE[variant],
                    seed,
                    **{"n": 150, "groups": 15, "patches": "b", "weak": True, "extra": noted, "centres": centres}
                    | there_alone,
                )
                own = written(f"own/{variant}/{seed}", OWN[variant], seed)
                runs.append({"row": {"dataset": "phantom"}, "variant": variant, "seed": seed, **own,
                             "extra": {EXTRA["id"]: there}})  # fmt: skip
        outs = [tmp_path / f"demo.{suffix}" for suffix in ("csv", "md", "json")]
        compare(runs, *outs, extra_tests=extra_tests, origin=Origin("compare"), resamples=200)
        return json.loads(outs[2].read_text()), outs[1].read_text()

    return run


def test_a_table_of_its_own_with_the_drop(compared) -> None:
    table, text = compared()
    (section,) = table["extra_tests"]
    assert (section["dataset"], section["split"]) == ("other", "all")
    for own, line in zip(table["rows"], section["rows"], strict=True):
        here, there = own["metrics"]["balanced_accuracy"], line["metrics"]["balanced_accuracy"]
        assert (line["variant"], line["n_items"], line["n_seeds"]) == (own["variant"], 120, 2)
        assert line["drop"] == pytest.approx(here["mean"] - there["mean"])
        assert line["drop"] > 0.1
        assert there["low"] < there["mean"] < there["high"]
    assert "## Extra test: other, all patches" in text
    assert "own − here (points)" in text


def test_the_drop_is_over_the_classes_that_occur_there(compared) -> None:
    table, _ = compared(labels=np.arange(150) % 2)
    (section,) = table["extra_tests"]
    for own, line in zip(table["rows"], section["rows"], strict=True):
        assert line["own"]["absent"] == ["stroma"]
        assert line["own"]["mean"] != own["metrics"]["balanced_accuracy"]["mean"]
        assert line["drop"] == pytest.approx(line["own"]["mean"] - line["metrics"]["balanced_accuracy"]["mean"])


def test_where_patients_are_unknown_it_says_so(compared) -> None:
    notes = " ".join(compared(groups=None)[0]["extra_tests"][0]["notes"])
    assert "bootstrap over patches" in notes
    assert "intervals are too narrow" in notes


def test_no_comparison_of_it_is_primary_and_none_touches_the_main_table(compared) -> None:
    table, _ = compared()
    (section,) = table["extra_tests"]
    found = {(one["variant"], one["against"]) for one in section["comparisons"]}
    assert ("clipit", "lora_only") in found
    assert not any(one["primary"] for one in section["comparisons"])
    alone, text = compared(extra_tests=())
    assert "Extra test" not in text
    for key in ("rows", "comparisons", "verdicts", "notes"):
        assert table[key] == alone[key]


def test_what_the_reader_must_know_stands_beside_it(compared) -> None:
    (section,) = compared()[0]["extra_tests"]
    notes = " ".join(section["notes"])
    for part in (
        "Secondary: clipit − lora_only here decides no verdict",
        "carcinoma as tumour.",
        "⚠ Weak labels",
        "Left out, as no class of the models': fat (1,200 patches).",
        "Left out, as their pixels are those of patches that the models were trained or chosen on: 3 in train.",
        "⚠ Of 120 patches 2 have the pixels of patches of the models' own test set",
        "bootstrap over patients or slides",
        "⚠ These patches have 0.25 microns per pixel, those that the models were trained on 0.5.",
    ):
        assert part in notes
    plain = NOTED | {"classes": {"gland": "gland"}, "unmapped": {}, "seen": {}, "shared": 0, "mpp": None}
    assert len(compared(noted=plain)[0]["extra_tests"][0]["notes"]) == 4


def test_centres_have_a_table_where_they_are_known(compared) -> None:
    table, text = compared(centres=["north", "south"])
    assert table["centres"] == []  # of the own test set
    figures = table["extra_tests"][0]["centres"]
    assert [(one["variant"], one["centre"]) for one in figures][:2] == [("lora_only", "north"), ("lora_only", "south")]
    assert "Each centre:" in text
    assert "n = 60" in text


def test_metrics_of_other_predictions_are_refused(compared, tmp_path, write_predictions) -> None:
    compared()
    write_predictions("there/clipit/0", 0.1, extra=NOTED)
    own, there = (tmp_path / name / "clipit" / "0" for name in ("own", "there"))
    files = [{"metrics": at / "metrics.json", "predictions": at / "predictions.parquet"} for at in (own, there)]
    run = {"row": {}, "variant": "clipit", "seed": 0, **files[0], "extra": {EXTRA["id"]: files[1]}}
    with pytest.raises(UserError, match=r"there/clipit/0/metrics\.json is not of"):
        compare([run], *[tmp_path / s for s in "abc"], extra_tests=[EXTRA], origin=Origin("compare"), resamples=20)
