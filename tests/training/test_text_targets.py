"""Text towers that train: with the teacher (`corrected`), with the student (`upstream`)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.miniatures.encoders import encoder
from tests.training.textual import Textual

from clipit.artifacts.provenance import Origin
from clipit.artifacts.report_vectors import read_report_vectors
from clipit.artifacts.schemas import report_embeddings as report_schema
from clipit.artifacts.tables import embedding_matrix, read_table
from clipit.config.training import Head
from clipit.encoders.aligned import AlignedClip
from clipit.encoders.retriever import load_retriever
from clipit.models.objectives import Distillation
from clipit.runtime.errors import UserError
from clipit.training.examples import read_examples
from clipit.training.student_data import select
from clipit.training.targets import read_mixture, report_targets
from clipit.training.text_fit import _Fit
from clipit.training.text_targets import TextTargets, read_tokens
from clipit.training.text_teacher import train_text_teacher

LORA = {"r": 2, "alpha": 4, "dropout": 0.0}


def live(textual: Textual, policy: str, patch_id: list[str], everything: bool = False) -> TextTargets:
    files = textual.files(policy)
    retriever, vectors = load_retriever(**textual.retriever), read_report_vectors(files["report_embeddings"])
    tokens, _ = read_tokens(files["reports"], vectors, retriever)
    mixture = read_mixture(files["pairs"], vectors)
    return TextTargets(retriever, tokens, vectors, mixture, patch_id, lora=LORA, everything=everything, seed=0)


@pytest.fixture
def towers(monkeypatch: pytest.MonkeyPatch) -> list[TextTargets]:
    """Those that are made from here on."""
    made: list[TextTargets] = []
    make = TextTargets.__init__

    def making(self: TextTargets, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        made.append(self)

    monkeypatch.setattr(TextTargets, "__init__", making)
    return made


def trained(targets: TextTargets) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in targets.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("policy", ["truncate", "mean", "late"])
def test_at_the_start_they_are_the_cached_targets(textual: Textual, policy: str) -> None:
    files, patch_id = textual.files(policy), ["p003", "p001", "p004", "p001"]
    cached = report_targets(files["pairs"], files["report_embeddings"]).of(patch_id)
    targets = live(textual, policy, patch_id)
    found = targets(torch.tensor([0, 1, 2, 3])).detach().numpy()
    assert found == pytest.approx(cached, abs=1e-5)
    assert found[1] == pytest.approx(found[3])


def test_chunks_pooled_by_their_maximum_cannot_train(textual: Textual) -> None:
    with pytest.raises(UserError, match="pooled by max"):
        live(textual, "max", ["p000"])


def test_each_distinct_report_of_a_batch_is_encoded_once(textual: Textual, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = live(textual, "truncate", [f"p{i:03}" for i in range(12)])
    asked: list[int] = []
    encode = targets.encode
    monkeypatch.setattr(targets, "encode", lambda chunks: (asked.extend(chunks.tolist()), encode(chunks))[1])
    targets(torch.arange(12))
    assert sorted(asked) == sorted(set(asked))
    assert len(asked) == 6


@pytest.mark.parametrize("everything", [False, True])
def test_row_4_embeddings_of_the_text_tower_are_adapted_or_left(textual: Textual, everything: bool) -> None:
    names = trained(live(textual, "truncate", ["p000"], everything))
    assert all("lora_" in name for name in names)
    assert any("embeddings" in name for name in names) == everything


@pytest.mark.parametrize("everything", [False, True])
def test_row_5_attention_of_the_text_tower_is_adapted_or_its_adapters_would_do_nothing(
    textual: Textual, monkeypatch: pytest.MonkeyPatch, everything: bool
) -> None:
    monkeypatch.setattr(AlignedClip, "text_encoder", lambda _: encoder("open_clip_ours"))
    names = trained(live(textual, "truncate", ["p000"], everything))
    assert any("mlp" in name for name in names)
    assert any("attn" in name for name in names) == (not everything)


@pytest.mark.parametrize("detach", [True, False])
def test_row_3_the_text_adapters_follow_the_student_only_without_a_detached_target(
    textual: Textual, detach: bool
) -> None:
    targets = live(textual, "truncate", ["p000", "p001"])
    t_hat = torch.randn(2, 8, requires_grad=True)
    Distillation(detach)(t_hat, targets(torch.arange(2))).mean().backward()
    gradients = [weight.grad for weight in trained(targets).values()]
    assert all(gradient is None for gradient in gradients) == detach


def test_upstream_trains_the_text_tower_embeddings_and_all_with_the_student(
    student: Callable[..., Any], textual: Textual, towers: list[TextTargets], world: Any
) -> None:
    run = student(
        "report",
        files={**textual.files(), "teacher": None},
        retriever=textual.retriever,
        protocol="upstream",
        text_lora=LORA,
        steps=4,
    )
    names = load_file(run / "student.safetensors")
    assert not any("text" in name for name in names), "row 8: no text tower is exported"
    (tower,) = towers
    weights = trained(tower)
    assert any("embeddings" in name for name in weights)
    assert all(bool(weight.any()) for weight in weights.values()), "no adapter is zero any more"

    lines = (run / "history.csv").read_text().splitlines()
    assert lines[0].endswith(",skill")
    assert all(line.endswith(",") for line in lines[1:]), "of targets that move, no two values compare"
    said = json.loads((run / "student.json").read_text())["diagnostics"]["val"]
    examples = read_examples(world.patches, world.splits, world.labels)
    chosen = select(examples, unlabelled=False)
    targets = tower.of_many(torch.arange(len(chosen.all)))
    trained_on, val = targets[: len(chosen.train)], targets[len(chosen.train) :]
    off = 1 - val @ torch.nn.functional.normalize(trained_on.mean(dim=0), dim=0)
    assert said["skill"] == pytest.approx(1 - said["distillation_loss"] / float(off.mean()), rel=0.01)


def teach(
    world: Any, textual: Textual, out: Path, *, checkpoints: Path | None = None, precision: str = "fp32", **changed: Any
) -> Path:
    head = Head(epochs=None, steps=40, batch=12, lr=0.02).model_dump()
    settings = {
        "head": head,
        "hidden": 16,
        "protocol": "corrected",
        "kd_target": "plain",
        "rank": None,
        "text_lora": LORA,
    }
    train_text_teacher(
        {**textual.files(), **world.tables},
        retriever=textual.retriever,
        teacher=out / "teacher.safetensors",
        scores=out / "teacher.json",
        predictions=out / "predictions.parquet",
        embeddings=out / "report_embeddings.parquet",
        settings=settings | changed,
        device="cpu",
        precision=precision,
        threads=1,
        checkpoints=checkpoints,
        origin=Origin("text_teacher", seed=0),
    )
    return out


def test_corrected_trains_it_with_the_teacher_and_caches_what_it_then_says(
    world: Any, textual: Textual, student: Callable[..., Any], tmp_path: Path, towers: list[TextTargets]
) -> None:
    out = teach(world, textual, tmp_path)
    before, after = (
        read_table(path, report_schema.schema())
        for path in (textual.files()["report_embeddings"], out / "report_embeddings.parquet")
    )
    assert before.column("report_id") == after.column("report_id")
    assert before.lineage["reports"] == after.lineage["reports"]
    moved = np.abs(embedding_matrix(before) - embedding_matrix(after)).max()
    assert moved > 1e-3
    assert np.linalg.norm(embedding_matrix(after), axis=1) == pytest.approx(1, abs=1e-5)
    files = {"pairs": textual.files()["pairs"], "report_embeddings": out / "report_embeddings.parquet"}
    run = student("report", files={**files, "teacher": out / "teacher.safetensors"}, steps=4)
    assert (run / "student.safetensors").exists()
    (tower,) = towers
    assert not any("embeddings" in name for name in trained(tower))


def test_a_text_teacher_is_reproducible(world: Any, textual: Textual, tmp_path: Path) -> None:
    one, again = (teach(world, textual, tmp_path / name) for name in ("one", "again"))
    for name in ("teacher.safetensors", "report_embeddings.parquet"):
        assert (one / name).read_bytes() == (again / name).read_bytes()


def test_a_text_teacher_that_was_cut_off_ends_with_the_same_bytes(
    world: Any, textual: Textual, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout, whose draws go on too."""
    lora = {"text_lora": LORA | {"dropout": 0.3}}
    whole = teach(world, textual, tmp_path / "whole", **lora)
    step, taken = _Fit.step, []

    def cut(self: _Fit, *arguments: Any) -> torch.Tensor:
        if len(taken) == 21:  # in the middle of the third of five rounds
            raise KeyboardInterrupt
        taken.append(1)
        return step(self, *arguments)

    checkpoints = tmp_path / "checkpoints"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(_Fit, "step", cut)
        teach(world, textual, tmp_path / "again", checkpoints=checkpoints, **lora)
    assert len(list(checkpoints.glob("*.ckpt"))) == 1
    left: list[int] = []

    def counted(self: _Fit, *arguments: Any) -> torch.Tensor:
        left.append(1)
        return step(self, *arguments)

    monkeypatch.setattr(_Fit, "step", counted)
    again = teach(world, textual, tmp_path / "again", checkpoints=checkpoints, **lora)
    assert len(left) == 40 - 16, "it goes on after the second round"
    for name in ("teacher.safetensors", "report_embeddings.parquet"):
        assert (whole / name).read_bytes() == (again / name).read_bytes()
    assert not list(checkpoints.glob("*.ckpt"))


def test_a_text_teacher_in_bfloat16_learns_about_the_same(world: Any, textual: Textual, tmp_path: Path) -> None:
    said = [
        json.loads((teach(world, textual, tmp_path / precision, precision=precision) / "teacher.json").read_text())
        for precision in ("fp32", "bf16")
    ]
    losses = [one["val"]["cross_entropy"] for one in said]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.2)


def test_a_retriever_other_than_the_one_that_embedded_is_refused(textual: Textual) -> None:
    vectors, other = read_report_vectors(textual.files()["report_embeddings"]), load_retriever(**textual.retriever)
    with torch.no_grad():
        other.image_projection.weight.add_(1)  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="different retriever"):
        read_tokens(textual.files()["reports"], vectors, other)
