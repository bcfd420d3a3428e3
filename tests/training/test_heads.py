import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import features, labels, pairs, predictions
from clipit.artifacts.tables import embedding_column, embedding_matrix, read_table, write_table
from clipit.config.training import Head
from clipit.models.tensor_file import read_tensors
from clipit.runtime.errors import UserError
from clipit.training.examples import read_examples
from clipit.training.features import extract_features
from clipit.training.head_fit import Labelled, Standardisation, fit_head
from clipit.training.predictions import evaluated, write_predictions
from clipit.training.probe import read_features, train_probe
from clipit.training.targets import read_targets

SETTINGS = Head(epochs=40, batch=8, lr=0.05, weight_decay=0.0).model_dump()


def test_probe_learns_colour_from_six_numbers(world: Any, tmp_path: Path) -> None:
    extract_features(
        world.store,
        world.patches,
        tmp_path / "colour.parquet",
        backbone="colour",
        batch=7,
        device="cpu",
        threads=1,
        precision="fp32",
        origin=Origin("features"),
    )
    stored = read_table(tmp_path / "colour.parquet", features.schema())
    assert embedding_matrix(stored).shape == (60, 6)
    assert "backbone" not in stored.lineage
    train_probe(
        [tmp_path / "colour.parquet"],
        **world.tables,
        probe=tmp_path / "probe.safetensors",
        predictions=tmp_path / "predictions.parquet",
        settings=SETTINGS,
        threads=1,
        origin=Origin("probe", seed=1),
    )
    rows = read_table(tmp_path / "predictions.parquet", predictions.SCHEMA).table.to_pylist()
    assert np.mean([np.argmax(row["prob"]) == row["label"] for row in rows]) == 1
    # The written head takes raw features.
    probe = read_tensors(tmp_path / "probe.safetensors").tensors
    logits = torch.tensor(embedding_matrix(stored)) @ probe["weight"].T + probe["bias"]
    assert logits.softmax(-1)[36].tolist() == pytest.approx(rows[0]["prob"], abs=1e-6)


def test_backbone_features_carry_its_digest(heads: Any) -> None:
    stored = read_table(heads.features, features.schema())
    assert embedding_matrix(stored).shape == (60, 96)
    assert stored.lineage == read_tensors(heads.folder / "probe.safetensors").lineage


def test_teacher_tells_the_classes_from_the_reports(heads: Any) -> None:
    scores = json.loads((heads.folder / "teacher.json").read_text())
    assert scores["val"]["balanced_accuracy"] == 1
    assert sorted(scores["provenance"]["lineage"]) == ["patches", "reports", "retriever"]
    assert read_tensors(heads.folder / "teacher.safetensors").meta["d"] == 8
    said = read_table(heads.folder / "teacher.parquet", predictions.SCHEMA).table.to_pylist()
    assert {row["split"] for row in said} == {"val"}
    assert all(np.argmax(row["prob"]) == row["label"] for row in said)


def test_head_is_that_of_the_best_epoch_and_reproducible() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(60, 5), torch.randint(3, (60,))  # nothing to learn: later epochs only overfit
    head = Head(epochs=30, batch=10, lr=0.1, weight_decay=0.0).model_dump()
    settings = {"what": "head", "settings": head, "seed": 3}
    train, val = Labelled(x[:30], y[:30]), Labelled(x[30:], y[30:])
    fit = fit_head(lambda: torch.nn.Linear(5, 3), train, val, **settings)
    again = fit_head(lambda: torch.nn.Linear(5, 3), train, val, **settings)
    assert fit.epoch < 30
    assert torch.nn.functional.cross_entropy(fit.head(val.features), val.labels).item() == pytest.approx(fit.val_loss)
    assert torch.equal(fit.head.weight, again.head.weight)


def test_standardisation_folds_into_the_weights() -> None:
    x = torch.randn(50, 4) * torch.tensor([1.0, 10.0, 0.1, 0.0]) + 5
    standardise, linear = Standardisation.of(x), torch.nn.Linear(4, 2)
    expected = linear(standardise(x)).detach()
    standardise.fold_into(linear)
    assert torch.allclose(linear(x), expected, atol=1e-4)


def test_report_target_weighs_ranks_and_averages_chunks(world: Any, tmp_path: Path) -> None:
    stored = read_table(world.pairs, pairs.SCHEMA)
    columns = {
        "patch_id": ["a", "a", "b"],
        "rank": [0, 1, 0],
        "report_id": ["r0", "r5", "r5"],
        "chunk": [0, 0, 0],
        "similarity": [0.9, 0.8, 0.7],
        "score": [0.9, 0.8, 0.7],
        "weight": [0.75, 0.25, 1.0],
    }
    write_table(tmp_path / "pairs.parquet", columns, pairs.SCHEMA, stored.provenance)
    targets = read_targets({**world.report_targets, "pairs": tmp_path / "pairs.parquet"})
    vectors = embedding_matrix(targets.stored[1])
    r5 = vectors[5] + vectors[6]
    r5 /= np.linalg.norm(r5)
    mixed = 0.75 * vectors[0] + 0.25 * r5
    assert np.allclose(targets.of(["b", "a"]), [r5, mixed / np.linalg.norm(mixed)], atol=1e-6)
    with pytest.raises(UserError, match="'c'"):
        targets.of(["c"])


def test_no_val_labels_is_an_error(world: Any, tmp_path: Path) -> None:
    stored = read_table(world.labels, labels.SCHEMA)
    known = [None if world.split[i] == "val" else label for i, label in enumerate(stored.column("label"))]
    columns = {"patch_id": stored.column("patch_id"), "label": known}
    write_table(tmp_path / "labels.parquet", columns, labels.SCHEMA, stored.provenance, stored.meta)
    with pytest.raises(UserError, match="no val patch is labelled"):
        read_examples(world.patches, world.splits, tmp_path / "labels.parquet")


@pytest.mark.parametrize("weak", [True, False])
def test_predictions_say_whether_labels_are_weak(world: Any, tmp_path: Path, weak: bool) -> None:
    stored = read_table(world.labels, labels.SCHEMA)
    meta = {**stored.meta, "weak": weak}
    write_table(tmp_path / "labels.parquet", stored.table, labels.SCHEMA, stored.provenance, meta)
    examples = read_examples(world.patches, world.splits, tmp_path / "labels.parquet")
    chosen = evaluated(examples)
    even = np.full((len(chosen), 3), 1 / 3, np.float32)
    write_predictions(tmp_path / "predictions.parquet", examples, even, stored.provenance)
    assert read_table(tmp_path / "predictions.parquet", predictions.SCHEMA).meta["weak_labels"] is weak


def test_a_fit_without_a_number_is_refused() -> None:
    x, y = torch.full((12, 5), torch.nan), torch.arange(12) % 3
    with pytest.raises(UserError, match="probe: the loss was never a number: lower its lr"):
        fit_head(lambda: torch.nn.Linear(5, 3), Labelled(x, y), Labelled(x, y), what="probe", settings=SETTINGS, seed=0)


def test_features_that_are_not_finite_are_refused(heads: Any, tmp_path: Path) -> None:
    stored = read_table(heads.features, features.schema())
    matrix = embedding_matrix(stored).copy()
    matrix[3, 5] = np.inf
    columns = {"patch_id": stored.column("patch_id"), "embedding": embedding_column(matrix)}
    write_table(tmp_path / "features.parquet", columns, features.schema(matrix.shape[1]), stored.provenance)
    with pytest.raises(UserError, match="not finite: set precision: fp32"):
        read_features([tmp_path / "features.parquet"], np.array(["p000"]))
