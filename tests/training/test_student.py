import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import labels, predictions
from clipit.artifacts.tables import read_table, write_table
from clipit.models.student_file import load_student
from clipit.models.tensor_file import read_tensors, write_tensors
from clipit.runtime.errors import UserError
from clipit.training.backbones import open_backbone


def history(run: Path) -> list[dict[str, str]]:
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_student_distils_and_classifies(clipit_run: Path) -> None:
    rows = history(clipit_run)
    assert len(rows) == 6  # the untrained student, then five validations
    assert rows[0]["train_kd"] == ""
    assert float(rows[-1]["train_kd"]) < 0.5 * float(rows[1]["train_kd"])
    assert float(rows[-1]["skill"]) > float(rows[0]["skill"])
    scores = json.loads((clipit_run / "student.json").read_text())["diagnostics"]["val"]
    assert scores["balanced_accuracy"] > 0.8
    assert scores["teacher_balanced_accuracy"] == 1


def test_a_student_without_text_starts_as_its_probe(student: Callable[..., Path], heads: Any) -> None:
    at_start = history(student(None))[0]
    probe = read_tensors(heads.folder / "probe.safetensors")
    assert float(at_start["val_ce"]) == pytest.approx(probe.meta["val_loss"], rel=1e-4)


def test_best_validation_is_exported(clipit_run: Path) -> None:
    best = min(float(row["val_ce"]) for row in history(clipit_run))
    stored = read_table(clipit_run / "predictions.parquet", predictions.SCHEMA)
    rows = [row for row in stored.table.to_pylist() if row["split"] == "val"]
    loss = np.mean([-np.log(row["prob"][row["label"]]) for row in rows])
    assert loss == pytest.approx(best, rel=1e-3)


def test_predictions_hold_labelled_val_and_test_patches(clipit_run: Path) -> None:
    stored = read_table(clipit_run / "predictions.parquet", predictions.SCHEMA)
    assert stored.meta["classes"] == ["pale", "rosy", "blue"]
    assert stored.column("split") == ["val"] * 12 + ["test"] * 12
    assert np.allclose(np.sum(stored.column("prob"), axis=1), 1)
    assert sorted(stored.lineage) == ["backbone", "patches", "reports", "retriever"]


def test_same_seed_same_bytes_other_seed_other_bytes(clipit_run: Path, student: Callable[..., Path]) -> None:
    again, other = (student("report", seed=seed) for seed in (0, 1))
    for name in ("student.safetensors", "student.json", "history.csv", "predictions.parquet"):
        assert digest(again / name) == digest(clipit_run / name)
        assert digest(other / name) != digest(clipit_run / name)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert digest(again / "adapter" / name) == digest(clipit_run / "adapter" / name)


def test_frozen_weights_and_statistics_stay(clipit_run: Path, heads: Any) -> None:
    before = open_backbone(heads.backbone)[0].module.state_dict()
    after = load_file(clipit_run / "student.safetensors")
    adapters = load_file(clipit_run / "adapter" / "adapter_model.safetensors")
    adapted = {name.removeprefix("base_model.model.").split(".lora_")[0] for name in adapters}
    for name, tensor in before.items():
        same = torch.equal(tensor, after[f"backbone.{name}"])
        assert same == (name.removesuffix(".weight") not in adapted), name
    assert adapted


def test_lora_only_has_no_text_modules(lora_only_run: Path) -> None:
    names = load_file(lora_only_run / "student.safetensors")
    assert {name for name in names if not name.startswith("backbone.")} == {"head.h_v.weight", "head.h_v.bias"}
    assert {row["train_kd"] + row["skill"] for row in history(lora_only_run)} == {""}
    assert "reports" not in json.loads((lora_only_run / "student.json").read_text())["provenance"]["lineage"]


def test_text_branch_takes_part(clipit_run: Path) -> None:
    head = load_student(clipit_run).student.head
    c = head.h_v.out_features
    assert head.g.weight[:, c:].abs().max() > 1e-3
    features = torch.randn(4, head.h_v.in_features)
    whole, without = head(features).logits, head(features, text=False).logits
    assert not torch.allclose(whole, without)


def test_unlabelled_patches_are_distilled_on(student: Callable[..., Path], clipit_run: Path) -> None:
    run = student("report", unlabelled=True)
    assert digest(run / "student.safetensors") != digest(clipit_run / "student.safetensors")
    assert history(run)[0]["val_loss"] == history(clipit_run)[0]["val_loss"]


def test_where_every_patch_is_labelled_the_unlabelled_variant_is_its_labelled_twin(
    student: Callable[..., Path], heads: Any, tmp_path: Path, lora_only_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stored = read_table(heads.labels, labels.SCHEMA)
    columns = {"patch_id": stored.column("patch_id"), "label": heads.label}
    write_table(tmp_path / "labels.parquet", columns, labels.SCHEMA, stored.provenance, stored.meta)
    files = {"labels": tmp_path / "labels.parquet", "labeller": lora_only_run / "student.json"}
    for target, more in (("report", {}), (None, {"pseudo_labels": True, "lambda": 1.0})):
        twin = student(target, files={"labels": files["labels"]}, steps=3)
        capfd.readouterr()
        used = files if more else {"labels": files["labels"]}
        run = student(target, files=used, steps=3, unlabelled=True, **more)
        assert "every train patch is labelled" in capfd.readouterr().err
        one, other = (load_file(folder / "student.safetensors") for folder in (run, twin))
        assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_image_distillation_runs_without_reports(student: Callable[..., Path]) -> None:
    run = student("image", steps=2)
    lineage = read_table(run / "predictions.parquet", predictions.SCHEMA).lineage
    assert sorted(lineage) == ["backbone", "patches", "retriever"]
    assert len(history(run)) == 3


def test_probe_of_another_backbone_is_refused(student: Callable[..., Path], heads: Any, tmp_path: Path) -> None:
    stored = read_tensors(heads.folder / "probe.safetensors")
    provenance = Origin("probe").provenance(lineage={**stored.lineage, "backbone": "another"})
    write_tensors(tmp_path / "probe.safetensors", stored.tensors, provenance)
    with pytest.raises(UserError, match="different backbone"):
        student(None, files={"probe": tmp_path / "probe.safetensors"})


def test_class_without_train_labels_is_named(student: Callable[..., Path], heads: Any, tmp_path: Path) -> None:
    stored = read_table(heads.labels, labels.SCHEMA)
    known = [None if label == 1 else label for label in stored.column("label")]
    columns = {"patch_id": stored.column("patch_id"), "label": known}
    write_table(tmp_path / "labels.parquet", columns, labels.SCHEMA, stored.provenance, stored.meta)
    with pytest.raises(UserError, match="'rosy'"):
        student(None, files={"labels": tmp_path / "labels.parquet"})
