"""The table of pairings on the page."""

import json
import re
from pathlib import Path
from typing import Any

from tests.paired_experiment import Experiment, N

from clipit.reporting.pairings import pairings


def test_the_page_shows_verdict_table_and_both_figures(page: Any) -> None:
    html = page()
    assert "1 of 2 find the right finding more often than plain top1 of clip: csls +" in html
    table = re.search(r'<table class="pairings">.*?</table>', html, re.DOTALL)
    assert table
    assert re.findall(r'<th scope="row">(\w+)</th>', table[0]) == ["top1", "top5", "csls", "random"]
    assert "− top1 (points)" in table[0]
    assert re.search(r"\d<small>\[[\d.]+, [\d.]+\]</small>", table[0])
    assert f"on the test images ({N // 2:,})" in html
    assert "Top hub and coverage against right finding, % of test images for top1, top5, csls, random;" in html


def test_pairings_at_one_place_share_a_mark(artefacts: dict[str, Any]) -> None:
    shown = pairings(artefacts["experiments"][0]["pairings_json"], "demo")
    (figure,) = shown["hubs"]
    assert ">top1, top5</text>" in figure
    assert "currentColor" in figure and "#010203" not in figure
    assert figure == pairings(artefacts["experiments"][0]["pairings_json"], "demo")["hubs"][0]


def test_the_matrix_has_either_agreement_on_its_side_of_the_diagonal(artefacts: dict[str, Any]) -> None:
    path = artefacts["experiments"][0]["pairings_json"]
    (matrix,), (block,) = pairings(path, "demo")["matrices"], json.loads(Path(path).read_text())["agreement"]
    assert matrix["names"] == ["top1", "top5", "csls", "random"]
    cells = [row["cells"] for row in matrix["rows"]]
    assert [cells[i][i] for i in range(4)] == [None] * 4
    assert cells[0][2] == block["same_best"][0][2]
    assert cells[2][0] == block["overlap"][2][0]


def test_one_pairing_without_truth_has_a_table_and_no_figure(tmp_path: Path) -> None:
    alone = Experiment(tmp_path, truth=False)
    alone.pair("top1", 0.5)
    alone.table()
    shown = pairings(alone.outs[2], "alone")
    assert shown["matrices"] == shown["hubs"] == shown["verdicts"] == []
    assert len(shown["body"]) == 1
    alone.pair("csls", 0.8, seed=2)
    alone.table()
    (figure,) = pairings(alone.outs[2], "alone")["hubs"]
    assert "labels told by other patients" in figure
