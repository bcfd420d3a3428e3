from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import attributions, predictions
from clipit.artifacts.tables import read_table, write_table
from clipit.explaining.won_lost import SHOWN, read_contest, sides
from clipit.reporting.montage import data_uri
from clipit.reporting.won_lost import won_and_lost
from clipit.runtime.errors import UserError

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


def test_what_is_shown_is_what_is_explained(artefacts: dict[str, Any]) -> None:
    (experiment,) = artefacts["experiments"]
    montage = experiment["montage"]
    maps = experiment["explained"]["attributions"]
    found = won_and_lost(experiment["runs"], PRIMARY, montage, show_text=False, attributions=maps)
    assert found is not None
    contest, store = (
        read_contest(sides(experiment["runs"], PRIMARY, montage["row"])),
        PatchStore(montage["files"]["store"]),
    )
    for key, rows in contest.picked.items():
        pixels = store.batch([int(contest.patch_id[i].removeprefix("patch-")) for i in rows])
        assert [one["image"] for one in found[key]] == [data_uri(patch) for patch in pixels]
        assert all([map["variant"] for map in one["maps"]] == list(PRIMARY) for one in found[key])


def test_maps_of_other_patches_are_refused(artefacts: dict[str, Any], tmp_path: Path) -> None:
    (experiment,) = artefacts["experiments"]
    stored = read_table(experiment["explained"]["attributions"], attributions.SCHEMA)
    odd = tmp_path / "odd.parquet"
    for rows, patches, message in (
        (stored.table[:3], "p", "has no map of patch"),
        (stored.table, "q", "different patches"),
    ):
        made = Origin("explain").provenance(lineage={"patches": patches})
        write_table(odd, rows, attributions.SCHEMA, made, stored.meta)
        with pytest.raises(UserError, match=message):
            won_and_lost(experiment["runs"], PRIMARY, experiment["montage"], show_text=False, attributions=odd)
