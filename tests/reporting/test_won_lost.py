from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.schemas import predictions
from clipit.artifacts.tables import read_table
from clipit.reporting.won_lost import SHOWN, won_and_lost

PRIMARY = ("clipit", "lora_only")


def right(runs: list[dict[str, Any]], variant: str) -> dict[str, int]:
    """In how many seeds each test patch is right."""
    found: dict[str, int] = {}
    for run in (run for run in runs if run["variant"] == variant):
        for row in read_table(run["predictions"], predictions.SCHEMA).table.to_pylist():
            if row["split"] == "test":
                is_right = int(np.argmax(row["prob"])) == row["label"]
                found[row["patch_id"]] = found.get(row["patch_id"], 0) + is_right
    return found


def test_the_clearest_of_each_are_shown_and_all_are_counted(artefacts: dict[str, Any]) -> None:
    (experiment,) = artefacts["experiments"]
    found = won_and_lost(experiment["runs"], PRIMARY, experiment["montage"], show_text=True)
    assert found is not None
    ours, theirs = (right(experiment["runs"], variant) for variant in PRIMARY)
    gain = {patch: ours[patch] - theirs[patch] for patch in ours}
    assert (found["n_won"], found["n_lost"]) == (sum(g > 0 for g in gain.values()), sum(g < 0 for g in gain.values()))
    assert len(found["won"]) == len(found["lost"]) == SHOWN
    assert all(one["right"] == ["3 of 3", "0 of 3"] for one in found["won"]), "won by all seeds"
    assert all(one["theirs"] == one["true"] != one["ours"] for one in found["lost"])
    assert all(one["image"].startswith("data:image/png;base64,") for one in found["won"])


def test_confidential_reports_stay_out(artefacts: dict[str, Any], tmp_path: Path) -> None:
    (experiment,) = artefacts["experiments"]
    files = {**experiment["montage"]["files"], "reports": tmp_path / "never read"}
    found = won_and_lost(experiment["runs"], PRIMARY, {**experiment["montage"], "files": files}, show_text=False)
    assert found is not None
    assert not any("report" in one or "id" in one for one in (*found["won"], *found["lost"]))


def test_without_the_control_there_is_nothing_to_win(artefacts: dict[str, Any]) -> None:
    (experiment,) = artefacts["experiments"]
    runs = [run for run in experiment["runs"] if run["variant"] != "lora_only"]
    assert won_and_lost(runs, PRIMARY, experiment["montage"], show_text=True) is None
    other = {**experiment["montage"], "row": {**experiment["montage"]["row"], "dataset": "another"}}
    assert won_and_lost(experiment["runs"], PRIMARY, other, show_text=True) is None
