"""Each variant on the tiny world: what it reads, how it starts, what it exports."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import predictions, report_embeddings
from clipit.artifacts.tables import embedding_column, embedding_matrix, read_table, write_table
from clipit.encoders.retriever import load_retriever
from clipit.models.tensor_file import read_tensors
from clipit.runtime.errors import UserError
from clipit.training.targets import mean_report_target, read_targets, report_targets
from clipit.training.teacher import train_teacher
from clipit.training.zeroshot import predict_zeroshot

Train = Callable[..., Path]


def parts(run: Path) -> set[str]:
    return {name.split(".")[1] for name in load_file(run / "student.safetensors") if name.startswith("head.")}


def predicted(run: Path) -> list[list[float]]:
    return read_table(run / "predictions.parquet", predictions.SCHEMA).column("prob")


def diagnostics(run: Path) -> dict[str, Any]:
    return json.loads((run / "student.json").read_text())["diagnostics"]["val"]


@pytest.fixture(scope="module")
def prompts(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The classes as texts: the image embeddings of one patch of each."""
    path = tmp_path_factory.mktemp("prompts") / "classes.parquet"
    images = read_targets(world.image_targets)
    vectors = np.stack([images.of([f"p{int(np.flatnonzero(world.label == c)[0]):03}"])[0] for c in range(3)])
    columns = {
        "report_id": ["pale", "rosy", "blue"],
        "chunk": [0] * 3,
        "start": [0] * 3,
        "stop": [4] * 3,
        "n_tokens": [3] * 3,
        "embedding": embedding_column(vectors.astype(np.float32)),
    }
    provenance = Origin("prompts").provenance(lineage={"retriever": "clip"})
    write_table(path, columns, report_embeddings.schema(vectors.shape[1]), provenance, {"pooling": "mean"})
    return path


def test_early_fusion_starts_from_the_probe_and_keeps_both_halves(student: Train) -> None:
    run = student("report", form="early", steps=2)
    assert parts(run) == {"h_d", "g"}
    assert {"balanced_accuracy_without_text_branch", "skill"} <= diagnostics(run).keys()


def test_direct_distillation_is_exported_as_vision_alone(student: Train) -> None:
    run = student("report", form="direct", steps=4)
    assert parts(run) == {"h_v"}
    assert diagnostics(run)["skill"] is not None
    assert json.loads((run / "student.json").read_text())["head"]["form"] == "vision"


def test_modules_only_has_the_branch_and_takes_nothing_of_the_target(student: Train, heads: Any) -> None:
    without = ("lambda", "kd_target")
    run = student("image", files={"teacher": None}, drop=without, steps=4)
    assert parts(run) == {"h_v", "h_d", "h_t", "g"}
    lines = (run / "history.csv").read_text().splitlines()
    columns = dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))
    assert (columns["train_kd"], columns["skill"]) == ("", "")
    assert columns["train_loss"] == columns["train_ce"]
    assert "teacher_accuracy" not in diagnostics(run)


def test_a_frozen_backbone_trains_from_features_and_stays_as_it_is(student: Train, heads: Any) -> None:
    run = student("report", lora=None, augment="none", files={"features": heads.features}, steps=10)
    from clipit.training.backbones import open_backbone

    before = open_backbone(heads.backbone)[0].module.state_dict()
    after = load_file(run / "student.safetensors")
    assert all(torch.equal(tensor, after[f"backbone.{name}"]) for name, tensor in before.items())
    assert diagnostics(run)["balanced_accuracy"] > 0.8


def test_pseudo_labels_are_another_student_s_and_change_what_is_learned(student: Train, lora_only_run: Path) -> None:
    labelled = {"labeller": lora_only_run / "student.json"}
    run = student(None, unlabelled=True, pseudo_labels=True, files=labelled, **{"lambda": 1.0}, steps=20)
    lines = (run / "history.csv").read_text().splitlines()
    columns = dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))
    assert float(columns["train_pseudo_ce"]) > 0
    assert float(columns["train_loss"]) == pytest.approx(
        float(columns["train_ce"]) + float(columns["train_pseudo_ce"]), rel=1e-4
    )
    assert parts(run) == {"h_v"}


def test_a_labeller_of_other_patches_is_refused(student: Train, lora_only_run: Path, tmp_path: Path) -> None:
    described = json.loads((lora_only_run / "student.json").read_text())
    described["provenance"]["lineage"]["patches"] = "others"
    (tmp_path / "student.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match="different patches"):
        student(None, unlabelled=True, pseudo_labels=True, files={"labeller": tmp_path / "student.json"})


def test_a_rank_takes_that_report_alone(world: Any) -> None:
    best, second = (
        report_targets(pairs=world.pairs, report_embeddings=world.report_embeddings, rank=rank) for rank in (0, 1)
    )
    both = report_targets(world.pairs, world.report_embeddings)
    ids = ["p000", "p010"]
    assert np.allclose(best.of(ids), both.of(ids)), "the pairing weighs its best report alone"
    assert not np.allclose(best.of(ids), second.of(ids))
    with pytest.raises(UserError, match="leave out the variant rank3"):
        report_targets(world.pairs, world.report_embeddings, rank=2)


def test_the_mean_report_is_the_same_for_every_patch_and_has_no_skill(
    student: Train, heads: Any, world: Any, tmp_path: Path
) -> None:
    target = mean_report_target(world.report_embeddings)
    said = target.of(["p000", "p001"])
    assert np.array_equal(said[0], said[1])
    assert np.linalg.norm(said[0]) == pytest.approx(1)
    from tests.training.conftest import TEACHER

    files = {"report_embeddings": world.report_embeddings}
    train_teacher(
        files,
        **world.tables,
        teacher=tmp_path / "teacher.safetensors",
        predictions=tmp_path / "teacher.parquet",
        scores=tmp_path / "teacher.json",
        settings=TEACHER,
        threads=1,
        origin=Origin("teacher", seed=0),
    )
    run = student("report", files={"pairs": None, "teacher": tmp_path / "teacher.safetensors"}, steps=4)
    assert diagnostics(run)["skill"] is None
    assert diagnostics(run)["teacher_balanced_accuracy"] == pytest.approx(1 / 3)


def test_a_class_prompt_is_chosen_by_the_retriever_without_a_label(world: Any, prompts: Path) -> None:
    target = read_targets({**world.image_targets, "class_prompts": prompts})
    found = target.of([f"p{i:03}" for i in range(len(world.label))])
    assert len(np.unique(found.round(5), axis=0)) == 3
    same = world.label[:, None] == world.label[None, :]
    assert np.array_equal(np.isclose(found @ found.T, 1, atol=1e-4), same)


def test_zero_shot_says_the_nearest_class(world: Any, prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions.parquet"
    predict_zeroshot([world.image_embeddings], prompts, **world.tables, predictions=out, origin=Origin("zeroshot"))
    stored = read_table(out, predictions.SCHEMA)
    said = np.argmax(np.array(stored.column("prob")), axis=1)
    assert np.array_equal(said, stored.column("label"))
    assert np.sum(stored.column("prob"), axis=1) == pytest.approx(1, abs=1e-5)


def test_contrastive_starts_as_the_clip_itself_and_trains_its_image_tower(
    student: Train, textual: Any, tmp_path: Path
) -> None:
    world = student.world  # type: ignore[attr-defined]
    prompts = textual.class_prompts(world.labels, tmp_path / "classes.parquet")
    about = {
        "form": "contrastive",
        "files": {"probe": None, "prompts": prompts},
        "backbone": {"retriever": textual.retriever},
    }
    start = student(None, **about, steps=1, lr=1e-12)
    clip = load_retriever(**textual.retriever)
    images = PatchStore(world.store).batch(np.flatnonzero(world.split != "train"))
    with torch.no_grad():
        said = clip.encode_images(clip.transform(torch.from_numpy(images))).numpy()
    classes = embedding_matrix(read_table(prompts, report_embeddings.schema()))
    zero_shot = torch.from_numpy(said @ classes.T / 0.07).softmax(dim=-1).numpy()
    assert np.array(predicted(start)) == pytest.approx(zero_shot, abs=1e-4)

    run = student(None, **about, steps=6)
    assert parts(run) == {"projection", "prompts"}
    before, after = (load_file(each / "student.safetensors") for each in (start, run))
    assert torch.equal(before["head.prompts"], after["head.prompts"])
    adapter = load_file(run / "adapter" / "adapter_model.safetensors")
    assert any(bool(weight.any()) for name, weight in adapter.items() if "lora_B" in name)
    assert not torch.allclose(before["head.projection.weight"], after["head.projection.weight"])


def test_centred_targets_lose_what_all_share(world: Any) -> None:
    plain = read_targets(world.report_targets)
    ids = [f"p{i:03}" for i in range(36)]
    centred = plain.centred(ids)
    assert np.linalg.norm(plain.of(ids).mean(axis=0)) > 0.5
    assert np.linalg.norm(centred.of(ids).mean(axis=0)) < 0.3
    assert np.linalg.norm(centred.of(ids), axis=1) == pytest.approx(1, abs=1e-5)


def test_one_target_for_all_has_nothing_but_its_centre(world: Any) -> None:
    plain = replace(read_targets(world.report_targets), patch_id=None)
    constant = replace(plain, matrix=plain.matrix[:1])
    assert constant.centred(["p000", "p001"]) is constant


def test_a_student_of_few_labels_sees_no_others(student: Train) -> None:
    run = student("report", labels=0.5, steps=2)
    stored = read_table(run / "predictions.parquet", predictions.SCHEMA)
    # Whole groups: half of those of val; of train there is but one a class, which stays.
    assert (stored.column("split").count("val"), stored.column("split").count("test")) == (6, 12)
    assert stored.meta["train_labels"] == json.loads((run / "student.json").read_text())["train_labels"] == 18


def test_the_probe_s_tensors_are_the_student_s_h_v_before_the_first_step(student: Train, heads: Any) -> None:
    run = student(None, steps=1, lr=1e-12)
    probe = read_tensors(heads.folder / "probe.safetensors").tensors
    assert torch.allclose(load_file(run / "student.safetensors")["head.h_v.weight"], probe["weight"], atol=1e-6)
