"""The table of pairings on planted ones: which is right how often is known."""

import csv
import io
from pathlib import Path

import pytest
from rich.console import Console
from tests.paired_experiment import FINDINGS, Experiment, N

from clipit.pairing.show import print_pairings
from clipit.runtime.errors import UserError


def test_a_better_method_beats_plain_top1_and_controls_are_no_rivals(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path)
    for pairing, right in (("top1", 0.4), ("csls", 0.8), ("oracle", 1.0), ("random", 1 / FINDINGS)):
        experiment.pair(pairing, right, seed=len(pairing))
    table = experiment.table()
    by_name = {row["row"]["pairing"]: row for row in table["rows"]}
    assert by_name["top1"]["difference"] is None
    assert by_name["oracle"]["precision"]["value"] == 1
    for name, sign in (("csls", 1), ("random", -1)):
        gap = by_name[name]["difference"]
        assert sign * gap["low"] > 0 and sign * gap["high"] > 0
        assert gap["low"] < gap["value"] < gap["high"]
        own, plain = (by_name[one]["precision"]["value"] for one in (name, "top1"))
        assert gap["value"] == pytest.approx(own - plain)
    (verdict,) = table["verdicts"]
    assert verdict["outcome"] == "better"
    assert verdict["text"].startswith("1 of 1 find the right finding more often than plain top1 of clip: csls +")
    assert by_name["csls"]["precision"]["chance"] == pytest.approx(1 / FINDINGS)
    assert by_name["csls"]["tokens_read"] == 0.5


def test_no_difference_is_called_one(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path)
    experiment.pair("top1", 0.5, seed=1)
    experiment.pair("csls", 0.5, seed=2)
    (verdict,) = experiment.table()["verdicts"]
    assert verdict["outcome"] == "not_shown"
    assert "None of 1 is shown to find the right finding more often" in verdict["text"]
    alone = Experiment(tmp_path / "alone")
    alone.pair("top1", 0.5)
    assert alone.table()["verdicts"][0]["outcome"] == "missing"


def test_the_best_of_many_that_are_no_better_is_not_called_better(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path)
    experiment.pair("top1", 0.4, seed=103)
    for seed in range(14, 34):
        experiment.pair(f"method{seed}", 0.4, seed=seed)
    table = experiment.table()
    best = max(table["comparisons"], key=lambda one: one["value"])
    assert best["low"] > 0 > best["together"]["low"]
    assert table["verdicts"][0]["outcome"] == "not_shown"
    assert all(
        one["together"]["low"] < one["low"] and one["together"]["high"] > one["high"] for one in table["comparisons"]
    )


def test_other_retrievers_are_held_against_the_first_one(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path)
    experiment.pair("top1", 0.4)
    experiment.pair("top1", 0.9, retriever="chunks", seed=2)
    experiment.pair("csls", 0.9, retriever="chunks", seed=3)
    table = experiment.table()
    first, other, csls = table["rows"]
    assert first["difference"] is first["from_first"] is other["difference"] is None
    assert other["from_first"]["low"] > 0
    assert csls["difference"]["against"]["retriever"] == "chunks"
    assert csls["from_first"]["against"] == first["row"]
    assert len(table["comparisons"]) == 3
    text = table["verdicts"][0]["text"]
    assert "top1 of chunks +" in text and "csls of chunks +" in text


def test_patients_widen_the_interval(tmp_path: Path) -> None:
    widths = []
    for name, grouped in (("patients", True), ("patches", False)):
        experiment = Experiment(tmp_path / name, grouped=grouped)
        experiment.pair("top1", 0.5, by_patient=True)
        (row,) = experiment.table()["rows"]
        widths.append(row["precision"]["high"] - row["precision"]["low"])
    assert widths[0] > 1.5 * widths[1]


def test_agreement_is_of_the_test_images_alone(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path)
    experiment.pair("top1", 0.5, seed=1)
    experiment.pair("top5", 0.5, seed=1)
    experiment.pair("random", 0.1, seed=5)
    (block,) = experiment.table()["agreement"]
    assert block["n_images"] == N // 2
    assert [name["pairing"] for name in block["names"]] == ["top1", "top5", "random"]
    assert block["same_best"][0][1] == block["overlap"][0][1] == block["same_best"][2][2] == 1
    assert block["same_best"][0][2] < 0.3
    # Ten of 16 reports each, drawn apart: 10 x 10 / 16 in common.
    assert block["overlap"][0][2] == pytest.approx(10 / 16, abs=0.04)
    assert block["overlap"][0][2] == block["overlap"][2][0]


def test_files_and_terminal_say_the_same(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path)
    experiment.pair("top1", 0.4)
    experiment.pair("random", 0.1, seed=2)
    table = experiment.table(synthetic=True, cautions=["Overlap: of something."])
    with open(experiment.outs[0], newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["pairing"] for line in lines] == ["top1", "random"]
    assert float(lines[1]["difference_value"]) == pytest.approx(table["rows"][1]["difference"]["value"])
    assert lines[0]["difference_value"] == lines[0]["from_first_low"] == ""
    markdown = experiment.outs[1].read_text()
    for part in ("# Pairings of it", "| top1 ", "right finding", "− top1 (points)", "the overlap of the ten best",
                 "- SYNTHETIC data", "- Overlap: of something.", "No method was run that could beat"):  # fmt: skip
        assert part in markdown
    assert "first retriever" not in markdown
    for width in (80, 200):
        said = io.StringIO()
        print_pairings(experiment.outs[2], "pairings of it", Console(file=said, width=width))
        assert "pairings of it: dataset phantom" in said.getvalue()
        assert "SYNTHETIC" in said.getvalue()
        assert max(len(line) for line in said.getvalue().splitlines()) <= width


def test_without_truth_nothing_is_compared(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path, truth=False)
    experiment.pair("top1", 0.5)
    experiment.pair("csls", 0.9, seed=2)
    table = experiment.table()
    assert table["comparisons"] == table["verdicts"] == []
    assert "right finding" not in experiment.outs[1].read_text()
    assert "label agreement" in experiment.outs[1].read_text()


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path)
    experiment.pair("top1", 0.5)
    experiment.pair("csls", 0.6, seed=2)
    experiment.table()
    before = [path.read_bytes() for path in experiment.outs]
    experiment.table()
    assert [path.read_bytes() for path in experiment.outs] == before


def test_mistakes_are_named(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path)
    with pytest.raises(UserError, match="without pairings"):
        experiment.table()
    experiment.pair("top1", 0.5)
    experiment.pair("csls", 0.6, seed=2)
    experiment.pairings[1]["audit"] = experiment.pairings[0]["audit"]
    with pytest.raises(UserError, match=r"audit is not of .*csls"):
        experiment.table()
    untested = Experiment(tmp_path / "untested", test=False)
    untested.pair("top1", 0.5)
    with pytest.raises(UserError, match="has no test images"):
        untested.table()
