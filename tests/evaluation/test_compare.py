import csv
import io
import json

import numpy as np
import pytest
from rich.console import Console

from clipit.artifacts.provenance import Origin
from clipit.evaluation.beside import beside
from clipit.evaluation.compare import compare, the_match
from clipit.evaluation.evaluate import evaluate
from clipit.evaluation.show import print_table
from clipit.evaluation.table_text import published
from clipit.runtime.errors import UserError

SKILLS = {"colour": 0.2, "lora_only": 0.8, "random_pairing": 0.85, "image_distillation": 0.9, "clipit": 2.0}


@pytest.fixture
def experiment(write_predictions, tmp_path):
    """Runs `compare` on variants of given skill; returns (table, csv rows, markdown, path of the JSON)."""

    def run(skills=SKILLS, seeds=(0, 1), rows=({"dataset": "phantom", "corpus": "reports"},), **options):
        runs = []
        for number, row in enumerate(rows):
            for variant, skill in skills.items():
                for seed in seeds:
                    name = f"{number}/{variant}/{seed}"
                    predictions = write_predictions(name, skill, seed, **options)
                    metrics = predictions.with_name("metrics.json")
                    evaluate(predictions, metrics, variant=variant, resamples=20, origin=Origin("evaluate", seed=seed))
                    own = row if variant == "clipit" else {**row, "corpus": None}
                    runs.append({"row": own, "variant": variant, "seed": seed, "metrics": metrics,
                                 "predictions": predictions, "student": None})  # fmt: skip
        outs = [tmp_path / f"demo.{suffix}" for suffix in ("csv", "md", "json")]
        compare(runs, *outs, origin=Origin("compare"), resamples=200)
        return json.loads(outs[2].read_text()), list(csv.DictReader(outs[0].open())), outs[1].read_text(), outs[2]

    return run


def test_table_holds_means_intervals_and_every_seed(experiment) -> None:
    table, rows, _, _ = experiment()
    assert [row["variant"] for row in rows] == list(SKILLS)
    line = table["rows"][-1]
    assert (line["n_seeds"], line["n_items"], line["n_groups"]) == (2, 192, 24)
    assert line["warning"] == "only 2 seeds: another may differ"
    values = [seed["metrics"]["balanced_accuracy"] for seed in line["seeds"]]
    metric = line["metrics"]["balanced_accuracy"]
    assert metric["mean"] == pytest.approx(np.mean(values))
    assert metric["std"] == pytest.approx(np.std(values, ddof=1))
    assert metric["low"] < metric["mean"] < metric["high"]
    assert float(rows[-1]["balanced_accuracy_mean"]) == metric["mean"]
    lora = table["rows"][1]["metrics"]["balanced_accuracy"]["mean"]
    assert line["difference"]["value"] == pytest.approx(metric["mean"] - lora)
    assert line["difference"]["low"] < line["difference"]["value"] < line["difference"]["high"]
    assert any("conditional on the seeds" in note for note in table["notes"])


def test_one_primary_comparison_and_holm_over_the_rest(experiment) -> None:
    table, _, _, _ = experiment()
    primary = [c for c in table["comparisons"] if c["primary"]]
    rest = [c for c in table["comparisons"] if not c["primary"]]
    assert [(c["variant"], c["against"]) for c in primary] == [("clipit", "lora_only")]
    assert primary[0]["p_adjusted"] == primary[0]["p"]
    assert ("clipit", "image_distillation") in [(c["variant"], c["against"]) for c in rest]
    assert "shuffled_text" not in " ".join(table["verdicts"][0]["controls"]), "it was not run"
    assert min(c["p_adjusted"] / c["p"] for c in rest) >= 1
    assert max(c["p_adjusted"] / c["p"] for c in rest) > 1


@pytest.mark.parametrize(
    ("skills", "outcome", "words"),
    [
        (SKILLS, "text_helps", "text helps here"),
        ({**SKILLS, "image_distillation": 2.1}, "better", "no evidence that it is the text"),
        ({**SKILLS, "random_pairing": 2.1}, "better", "no evidence that it is the text"),
        ({**SKILLS, "shuffled_text": 0.85}, "text_helps", "needs clipit > shuffled_text too"),
        ({**SKILLS, "shuffled_text": 2.1}, "better", "no evidence that it is the text"),
        ({"lora_only": 0.8, "clipit": 2.0}, "better", "random_pairing was not run"),
        ({"lora_only": 1.01, "clipit": 1.0}, "no_evidence", "no evidence that text helps here"),
        ({"lora_only": 2.0, "clipit": 0.5}, "worse", "worse than lora_only"),
        ({"clipit": 1.0}, "missing", "cannot be computed"),
    ],
)
def test_verdict(experiment, skills, outcome, words) -> None:
    table, _, markdown, path = experiment(skills)
    assert [verdict["outcome"] for verdict in table["verdicts"]] == [outcome]
    assert words in markdown
    console = Console(width=400, record=True, file=io.StringIO())
    print_table(path, console)
    assert words in console.export_text()


def test_few_groups_are_warned_of_beside_the_number(experiment) -> None:
    _, rows, markdown, _ = experiment(groups=8)
    assert rows[0]["warning"].startswith("only 8 groups")
    number = next(line for line in markdown.splitlines() if line.startswith("| clipit"))
    assert number.count("⚠ only 8 groups") == 2


def test_ungrouped_patches(experiment) -> None:
    table, _, _, _ = experiment(groups=None, shuffle=True)
    assert {c["unit"] for c in table["comparisons"]} == {"patch"}
    assert any("Where patients are unknown" in note for note in table["notes"])


def test_weak_labels_are_told_in_metrics_notes_and_table(experiment, write_predictions) -> None:
    table, _, markdown, _ = experiment(weak=True)
    assert all(line["weak_labels"] for line in table["rows"])
    assert table["notes"][0].startswith("Labels are weak in phantom: every tile has the label of its whole slide")
    assert "Labels are weak" in markdown
    predictions = write_predictions("weak", 1.0, weak=True)
    evaluate(predictions, predictions.with_name("m.json"), variant="clipit", resamples=20, origin=Origin("evaluate"))
    assert json.loads(predictions.with_name("m.json").read_text())["weak_labels"] is True
    strong, _, _, _ = experiment()
    assert not any("weak" in note for note in strong["notes"])


def test_rows_are_compared_within_themselves(experiment) -> None:
    rows = [{"dataset": name, "corpus": "reports"} for name in ("one", "two")]
    table, _, markdown, _ = experiment(rows=rows)
    assert [c["row"]["dataset"] for c in table["comparisons"] if c["primary"]] == ["one", "two"]
    assert len(table["verdicts"]) == 2
    assert "**one: clipit" in markdown
    assert "| dataset" in markdown
    assert markdown.splitlines()[2] == "corpus reports"


def test_markdown_is_aligned(experiment) -> None:
    _, _, markdown, _ = experiment()
    assert len({len(line) for line in markdown.splitlines() if line.startswith("|")}) == 1


def test_equal_inputs_give_equal_bytes(experiment) -> None:
    first = experiment()[3].read_bytes()
    assert experiment()[3].read_bytes() == first


def test_different_patches_are_refused(write_predictions, tmp_path) -> None:
    runs = []
    for variant, options in (("lora_only", {}), ("clipit", {"n": 120})):
        predictions = write_predictions(variant, 1.0, **options)
        metrics = predictions.with_name("metrics.json")
        evaluate(predictions, metrics, variant=variant, resamples=20, origin=Origin("evaluate", seed=0))
        runs.append({"row": {}, "variant": variant, "seed": 0, "metrics": metrics, "predictions": predictions,
                     "student": None})  # fmt: skip
    outs = [tmp_path / f"x.{suffix}" for suffix in ("csv", "md", "json")]
    with pytest.raises(UserError, match="different test patches"):
        compare(runs, *outs, origin=Origin("compare"))
    assert not any(out.exists() for out in outs)


def test_metrics_of_other_predictions_are_refused(write_predictions, tmp_path) -> None:
    runs = []
    for variant in ("lora_only", "clipit"):
        predictions = write_predictions(variant, 1.0)
        metrics = predictions.with_name("metrics.json")
        evaluate(predictions, metrics, variant=variant, resamples=20, origin=Origin("evaluate", seed=0))
        runs.append({"row": {}, "variant": variant, "seed": 0, "metrics": metrics, "predictions": predictions})
    write_predictions("clipit", 0.5)
    with pytest.raises(UserError, match="is not of"):
        compare(runs, *(tmp_path / f"x.{suffix}" for suffix in ("csv", "md", "json")), origin=Origin("compare"))


def test_a_variant_without_a_backbone_has_no_control_among_two(experiment) -> None:
    rows = [{"dataset": "one", "backbone": name, "corpus": "reports"} for name in ("small", "large")]
    table, _, _, _ = experiment(rows=rows)
    assert all(line["difference"] for line in table["rows"] if line["variant"] != "lora_only")
    assert any("corrected together after Holm" in note for note in table["notes"])
    small, large = ({"dataset": "one", "backbone": name} for name in ("small", "large"))
    assert the_match({"dataset": "one", "backbone": None}, [(small, "s"), (large, "l")]) is None


def test_rows_match_on_the_labels_that_both_have() -> None:
    assert the_match({"dataset": "a", "corpus": None}, [({"dataset": "a", "corpus": "b"}, "it")]) == "it"
    assert the_match({"dataset": "a"}, [({"dataset": "b"}, "it")]) is None


def test_published_numbers_stand_beside_ours(experiment, tmp_path) -> None:
    table, _, text, _ = experiment()
    assert table["published"] == []
    assert "Beside published" not in text
    mine = table["rows"][-1]
    accuracy = mine["metrics"]["accuracy"]
    numbers = [
        {"dataset": "phantom", "backbone": "net", "variant": "clipit", "source": "X", "metric": "accuracy", "runs": 3,
         "value": value, "std": 0.01, "tested_on": "a", "checkpoint_chosen_on": "b"}
        for value in (accuracy["low"] + 0.001, accuracy["low"] - 0.001)
    ]  # fmt: skip
    found = beside([{**mine, "row": {**mine["row"], "backbone": "net"}}], numbers)
    assert [one["covered"] for one in found] == [True, False]
    assert found[0]["difference"] == pytest.approx(accuracy["mean"] - numbers[0]["value"])
    assert beside([mine], numbers) == [], "another backbone"
    fewer = {**mine, "row": {**mine["row"], "backbone": "net", "label_fraction": "0.1"}}
    assert beside([fewer], numbers) == [], "fewer labels"
    header, body = published({**table, "published": found})
    assert body[0][header.index("published")] == f"{100 * numbers[0]['value']:.1f} ± 1.0 (3 runs)"
    assert body[1][header.index("our interval covers it")] == "no"


@pytest.mark.parametrize("width", [80, 100, 110, 120, 160])
def test_no_number_is_cut_on_any_terminal(experiment, width: int) -> None:
    _, _, _, path = experiment()
    console = Console(width=width, record=True, file=io.StringIO())
    print_table(path, console)
    assert "…" not in console.export_text()
