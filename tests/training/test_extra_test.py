"""A trained model on another data set: what it says, of which patches, and what is refused."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.conftest import D_TXT, World

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import features, labels, patches, predictions, report_embeddings, splits
from clipit.artifacts.tables import Stored, embedding_column, embedding_matrix, read_table, write_table
from clipit.runtime.errors import UserError
from clipit.training.extra_test import map_classes, predict_extra
from clipit.training.zeroshot import predict_zeroshot

ELSEWHERE = ["sky", "rose", "fat"]
"""The classes of the other data set: the numbers of blue, rosy and pale."""


@pytest.fixture(scope="session")
def other(heads: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same pixels as another data set, whose classes have other names and numbers, all labelled."""
    folder = tmp_path_factory.mktemp("other")
    made = Origin("test").provenance(lineage={"patches": "other"})
    names = [f"o{i:03}" for i in range(len(heads.label))]
    listed = read_table(heads.patches, patches.SCHEMA).table.to_pydict() | {"patch_id": names}
    listed |= {"mpp": [0.25] * len(names), "centre": [f"c{i % 2}" for i in range(len(names))]}
    write_table(folder / "patches.parquet", listed, patches.SCHEMA, made)
    write_table(folder / "splits.parquet", {"patch_id": names, "split": heads.split}, splits.SCHEMA, made)
    label = {"patch_id": names, "label": [2 - int(label) for label in heads.label]}
    write_table(folder / "labels.parquet", label, labels.SCHEMA, made, {"classes": ELSEWHERE})
    matrix = embedding_matrix(read_table(heads.features, features.schema()))
    digest = read_table(heads.features, features.schema()).lineage["backbone"]
    for name, backbone in (("features", digest), ("strange", "another")):
        by = Origin("test").provenance(lineage={"patches": "other", "backbone": backbone})
        columns = {"patch_id": names, "embedding": embedding_column(matrix)}
        write_table(folder / f"{name}.parquet", columns, features.schema(matrix.shape[1]), by)
    return {name: folder / f"{name}.parquet" for name in ("patches", "splits", "labels", "features", "strange")}


@pytest.fixture
def tested(heads: World, tmp_path: Path) -> Callable[..., Stored]:
    """Tests a model, on its own data set unless told otherwise, and gives the predictions."""

    def run(
        model: Path, *, data: Mapping[str, Path] | None = None, vectors: tuple[Path, ...] = (), **changes: Any
    ) -> Stored:
        how: dict[str, Any] = {"kind": "student", "classes": None, "split": "test", "threads": 1} | changes
        data = {name: (data or heads.tables)[name] for name in heads.tables}
        origin = Origin("predict_extra", seed=0)
        out = tmp_path / "predictions.parquet"
        predict_extra(model, vectors, heads.store, data, heads.tables, out=out, **how, origin=origin)
        return read_table(out, predictions.SCHEMA)

    return run


def of_test(stored: Stored) -> dict[str, tuple[int, list[float]]]:
    """Label and probabilities of the test patches."""
    rows = [row for row in stored.table.to_pylist() if row["split"] == "test"]
    return {row["patch_id"]: (row["label"], row["prob"]) for row in rows}


def same(found: Stored, expected: Path) -> bool:
    """Whether the rows are those of the pipeline's own predictions for the test split, and no others."""
    ours, theirs = of_test(found), of_test(read_table(expected, predictions.SCHEMA))
    assert len(found.table) == len(ours)
    return ours.keys() == theirs.keys() and all(
        ours[name][0] == theirs[name][0] and np.allclose(ours[name][1], theirs[name][1], atol=1e-6) for name in ours
    )


@pytest.mark.parametrize("run", ["clipit_run", "lora_only_run"])
def test_a_student_says_of_its_own_test_set_what_it_said(
    run: str, tested: Callable[..., Stored], request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(run)
    found = tested(folder / "student.json")
    assert same(found, folder / "predictions.parquet")
    assert (found.meta["extra_test"]["shared"], found.meta["extra_test"]["seen"]) == (12, {})
    assert found.meta["extra_test"]["unmapped"] == {}
    assert found.meta["extra_test"]["mpp"] is None


def test_so_does_a_probe(heads: World, tested: Callable[..., Stored]) -> None:
    found = tested(heads.folder / "probe.safetensors", kind="probe", vectors=(heads.features,))
    assert same(found, heads.folder / "probe_predictions.parquet")


def test_so_does_a_retriever(heads: World, tested: Callable[..., Stored], tmp_path: Path) -> None:
    vectors = np.eye(3, D_TXT, dtype=np.float32)
    columns = {"report_id": ["pale", "rosy", "blue"], "chunk": [0] * 3, "start": [0] * 3, "stop": [9] * 3,
               "n_tokens": [4] * 3, "embedding": embedding_column(vectors)}  # fmt: skip
    by = Origin("test").provenance(lineage={"patches": "set", "retriever": "clip"})
    write_table(tmp_path / "classes.parquet", columns, report_embeddings.schema(D_TXT), by)
    given = [heads.image_embeddings], tmp_path / "classes.parquet"
    predict_zeroshot(*given, **heads.tables, predictions=tmp_path / "own.parquet", origin=Origin("zeroshot"))
    found = tested(given[1], kind="zeroshot", vectors=(heads.image_embeddings,))
    assert same(found, tmp_path / "own.parquet")


def test_another_data_set_s_classes_count_as_the_model_s(
    clipit_run: Path, other: dict[str, Path], tested: Callable[..., Stored]
) -> None:
    found = tested(clipit_run / "student.json", data=other, classes={"sky": "blue", "rose": "rosy"})
    own = of_test(read_table(clipit_run / "predictions.parquet", predictions.SCHEMA))
    kept = {name.replace("p", "o"): said for name, said in own.items() if said[0] != 0}  # none is pale
    assert {name: label for name, (label, _) in of_test(found).items()} == {n: said[0] for n, said in kept.items()}
    assert found.meta["classes"] == ["pale", "rosy", "blue"]
    noted = found.meta["extra_test"]
    assert noted["classes"] == {"sky": "blue", "rose": "rosy"}
    assert noted["unmapped"] == {"fat": 4}
    assert found.lineage["patches"] == "other"
    assert set(found.column("centre")) == {"c0", "c1"}


def test_of_all_patches_those_that_the_model_saw_are_left_out(
    heads: World, other: dict[str, Path], tested: Callable[..., Stored]
) -> None:
    probe = heads.folder / "probe.safetensors"
    everything = {"sky": "blue", "rose": "rosy", "fat": "pale"}
    how: dict[str, Any] = {"kind": "probe", "data": other, "classes": everything}
    found = tested(probe, **how, vectors=(other["features"],), split="all")
    assert found.column("split") == ["test"] * 12  # the pixels are those of the model's own data set
    assert found.meta["extra_test"]["seen"] == {"train": 36, "val": 12}
    assert found.meta["extra_test"]["shared"] == 12
    with pytest.raises(UserError, match="made from different backbone"):
        tested(probe, **how, vectors=(other["strange"],))


def test_other_resolutions_are_noted(
    heads: World, other: dict[str, Path], tested: Callable[..., Stored], tmp_path: Path
) -> None:
    coarse = read_table(heads.patches, patches.SCHEMA)
    columns = coarse.table.to_pydict() | {"mpp": [0.5] * len(coarse.table)}
    write_table(tmp_path / "patches.parquet", columns, patches.SCHEMA, coarse.provenance)
    own = {**heads.tables, "patches": tmp_path / "patches.parquet"}
    out, data = tmp_path / "p.parquet", {name: other[name] for name in own}
    model, vectors = heads.folder / "probe.safetensors", [other["features"]]
    predict_extra(model, vectors, heads.store, data, own, out=out, kind="probe", classes={"sky": "blue"}, split="test",
                  threads=1, origin=Origin("extra"))  # fmt: skip
    assert read_table(out, predictions.SCHEMA).meta["extra_test"]["mpp"] == {"own": 0.5, "here": 0.25}


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (None, r"none of the classes sky, rose, fat is one of pale, rosy, blue: say under extra_tests\.classes"),
        ({"skye": "blue"}, r"'skye' is none of the classes sky, rose, fat, did you mean 'sky'\?"),
        ({"sky": "bleu"}, r"'bleu' is none of the classes pale, rosy, blue, did you mean 'blue'\?"),
    ],
)
def test_maps_that_map_nothing_are_refused(classes: dict[str, str] | None, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        map_classes(ELSEWHERE, ["pale", "rosy", "blue"], classes, where="here")
    assert "\n" not in str(caught.value)


def test_a_map_to_classes_without_labelled_patches_is_refused(
    clipit_run: Path, other: dict[str, Path], tested: Callable[..., Stored], tmp_path: Path
) -> None:
    known = read_table(other["labels"], labels.SCHEMA)
    columns = known.table.to_pydict()
    columns["label"] = [None if label == 0 else label for label in columns["label"]]
    write_table(tmp_path / "labels.parquet", columns, labels.SCHEMA, known.provenance, known.meta)
    with pytest.raises(UserError, match="no test patch of sky is labelled"):
        tested(
            clipit_run / "student.json", data={**other, "labels": tmp_path / "labels.parquet"}, classes={"sky": "blue"}
        )


def test_equal_names_are_mapped_and_others_left_out() -> None:
    assert map_classes(["tumour", "fat"], ["fat", "gland"], None, where="") == {1: 0}
    assert map_classes(["a", "b"], ["x"], {"b": "x", "a": "x"}, where="") == {0: 0, 1: 0}
