from pathlib import Path

import numpy as np
import pytest
from tests.explaining.conftest import CLASSES, PRIMARY, D, Explained, N

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import attributions, embedding_map, features
from clipit.artifacts.tables import embedding_column, read_table, write_table
from clipit.explaining import explain as module
from clipit.explaining.explain import explain
from clipit.explaining.won_lost import read_contest, sides
from clipit.models.inference import predict_features, predict_probabilities
from clipit.models.student_file import load_student
from clipit.runtime.errors import UserError


@pytest.fixture(scope="module")
def written(explained: Explained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("written")
    explain(**explained.arguments(out))
    return out


def test_both_models_explain_the_patches_that_are_picked(explained: Explained, written: Path) -> None:
    stored = read_table(written / "attributions.parquet", attributions.SCHEMA)
    contest = read_contest(sides(explained.runs, PRIMARY, explained.row))
    names = [contest.patch_id[i] for rows in contest.picked.values() for i in rows]
    assert len(names) == 12
    assert stored.column("patch_id") == 2 * names
    assert stored.column("variant") == [variant for variant in PRIMARY for _ in names]
    assert stored.meta == {"classes": CLASSES, "seeds": dict.fromkeys(PRIMARY, 3), "steps": 32}
    assert all(len(cells) == 256 for cells in stored.column("map"))


def test_each_map_is_of_the_class_that_its_model_says(explained: Explained, written: Path) -> None:
    rows = read_table(written / "attributions.parquet", attributions.SCHEMA).table.to_pylist()
    store = PatchStore(explained.files["store"])
    for variant in PRIMARY:
        own = [row for row in rows if row["variant"] == variant]
        student, _, transform, _ = load_student(explained.folder / variant / "seed3")
        said = predict_probabilities(student, transform, store, [int(row["patch_id"][1:]) for row in own], batch=12)
        assert [row["class"] for row in own] == said.argmax(axis=1).tolist()
        assert [row["probability"] for row in own] == pytest.approx(said.max(axis=1).tolist(), abs=1e-5)
        for row in own:
            assert row["error"] == pytest.approx(sum(row["map"]) - row["change"], abs=1e-4)


def test_features_before_and_after_lie_in_planes_of_their_own(explained: Explained, written: Path) -> None:
    stored = read_table(written / "embedding_map.parquet", embedding_map.SCHEMA)
    assert stored.column("patch_id") == [f"p{i:02}" for i in range(N) if i % 10]
    assert stored.column("label") == [i % 3 for i in range(N) if i % 10]
    meta = stored.meta
    assert {key: meta[key] for key in ("variant", "seed", "n", "grouped")} == {
        "variant": "clipit", "seed": 3, "n": 54, "grouped": True,
    }  # fmt: skip
    assert meta["before"]["agreement"] > 0.8 > meta["before"]["chance"], "classes were planted in the features before"
    student, _, transform, _ = load_student(explained.folder / "clipit" / "seed3")
    rows = [i for i in range(N) if i % 10]
    after = predict_features(student.backbone, transform, PatchStore(explained.files["store"]), rows, batch=16)
    points, shares = module.principal_plane(after)
    assert stored.column("after_x") == points[:, 0].tolist()
    assert meta["after"]["variance"] == shares.tolist()


def test_no_more_patches_than_can_be_told_apart_each_class_among_them(
    explained: Explained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAWN", 9)
    explain(**explained.arguments(tmp_path))
    stored = read_table(tmp_path / "embedding_map.parquet", embedding_map.SCHEMA)
    assert np.bincount(stored.column("label")).tolist() == [3, 3, 3]
    assert stored.meta["n"] == 54


def test_equal_inputs_give_equal_bytes(explained: Explained, written: Path, tmp_path: Path) -> None:
    explain(**explained.arguments(tmp_path))
    for name in ("attributions.parquet", "embedding_map.parquet"):
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes()


def test_without_the_control_there_is_nothing_to_explain(explained: Explained, tmp_path: Path) -> None:
    runs = [run for run in explained.runs if run["variant"] == "clipit"]
    with pytest.raises(UserError, match="does not hold both clipit and lora_only"):
        explain(**explained.arguments(tmp_path, runs=runs))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("lineage", "names", "message"),
    [
        ({"patches": "p", "backbone": "another"}, range(N), "different backbone"),
        ({"patches": "p"}, range(9), "lacks patches that were tested"),
    ],
)
def test_features_of_something_else_are_refused(
    explained: Explained, tmp_path: Path, lineage: dict[str, str], names: range, message: str
) -> None:
    vectors = embedding_column(np.zeros((len(names), D), np.float32))
    columns = {"patch_id": [f"p{i:02}" for i in names], "embedding": vectors}
    odd = tmp_path / "odd.parquet"
    write_table(odd, columns, features.schema(D), Origin("test").provenance(lineage=lineage))
    with pytest.raises(UserError, match=message):
        explain(**explained.arguments(tmp_path / "out", files=explained.files | {"features": odd}))
