"""One step of training against the formulas written out in float64, and each row of docs/protocols.md."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.training.conftest import TEACHER
from torch import nn

from clipit.artifacts.provenance import Origin
from clipit.config.training import Head, Training
from clipit.encoders.backbone import Backbone
from clipit.encoders.image_transform import ImageTransform
from clipit.models.heads import Contrastive, LateFusion, TextHead
from clipit.models.lora import add_lora
from clipit.models.objectives import ContrastiveLoss
from clipit.models.student import Student
from clipit.models.tensor_file import StoredTensors, read_tensors
from clipit.training.augmentation import Draws
from clipit.training.batches import Step
from clipit.training.examples import read_examples
from clipit.training.fit import Fit, fit_student
from clipit.training.history import Best
from clipit.training.protocol import PROTOCOLS
from clipit.training.student_data import StudentData
from clipit.training.student_start import _Alone, start_student, teacher_head
from clipit.training.student_training import StudentTraining
from clipit.training.targets import read_targets
from clipit.training.teacher import train_teacher

D_IMG, C, D_TXT, HIDDEN, N = 5, 3, 4, 6, 9
LAMBDA = 0.7
TRANSFORM = ImageTransform(32, (0.5,) * 3, (0.5,) * 3)
STEP = Step(torch.tensor([0, 1, 2, 3, 4, 5, 8]), Draws(torch.zeros(7, dtype=torch.int64)), 6)
"""Six labelled patches and one without a label."""


def data() -> StudentData:
    rng = torch.Generator().manual_seed(0)
    features, targets = (torch.randn(N, d, generator=rng) for d in (D_IMG, D_TXT))
    targets = nn.functional.normalize(targets, dim=1)
    everything = torch.arange(N)
    return StudentData(
        images=None,
        features=features,
        labels=torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, -1]),
        pseudo=None,
        targets=targets,
        mean_target=targets.mean(dim=0),
        text_targets=None,
        train=everything[:6],
        unlabelled=everything[8:],
        val=everything[6:8],
        steps=2,
    )


def settings(protocol: str) -> dict[str, Any]:
    whole = Training.model_validate({"protocol": protocol, "steps": 2, "batch": 6, "lambda": LAMBDA, "augment": "none"})
    return whole.model_dump(by_alias=True) | {"form": "late", "lora": None, "text_lora": None}


def training(protocol: str) -> StudentTraining:
    torch.manual_seed(1)
    head = LateFusion(D_IMG, C, D_TXT, HIDDEN, PROTOCOLS[protocol].normalise_text)
    return StudentTraining(Student(nn.Identity(), head), TRANSFORM, data(), settings(protocol), seed=0)


def weights_of(module: StudentTraining) -> dict[str, np.ndarray]:
    return {name: weight.detach().double().numpy() for name, weight in module.student.head.named_parameters()}


def by_hand(
    weights: dict[str, np.ndarray], made: StudentData, protocol: str, patches: torch.Tensor
) -> tuple[np.ndarray, float, float]:
    """(logits, L_CE of the labelled, L_KD of all) of `patches`, in float64."""
    assert made.features is not None
    assert made.targets is not None
    v = made.features[patches].double().numpy()
    t = made.targets[patches].double().numpy()
    labels = made.labels[patches].numpy()

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def unit(x: np.ndarray) -> np.ndarray:
        return x / np.sqrt((x**2).sum(axis=1, keepdims=True))

    def log_softmax(x: np.ndarray) -> np.ndarray:
        return x - np.log(np.exp(x).sum(axis=1, keepdims=True))

    t_hat = linear("h_d", v)
    hidden = linear("h_t.layers.0", unit(t_hat) if protocol == "corrected" else t_hat)
    text = linear("h_t.layers.2", np.where(hidden > 0, hidden, 0.1 * hidden))
    logits = linear("g", np.concatenate([linear("h_v", v), text], axis=1))
    scores = logits if protocol == "corrected" else np.exp(log_softmax(logits))
    known = np.flatnonzero(labels >= 0)
    ce = -log_softmax(scores)[known, labels[known]].mean()
    kd = (1 - (unit(t_hat) * unit(t)).sum(axis=1)).mean()
    return logits, float(ce), float(kd)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_step_s_logits_losses_and_gradients_are_those_of_the_formulas(protocol: str) -> None:
    module = training(protocol)
    output = module._say(STEP.patches)
    losses = module._losses_of(STEP, output)
    losses["train_loss"].backward()

    weights = weights_of(module)
    logits, ce, kd = by_hand(weights, module.data, protocol, STEP.patches)
    assert output.logits.detach().numpy() == pytest.approx(logits, abs=1e-5)
    assert losses["train_ce"].item() == pytest.approx(ce, rel=1e-5)
    assert losses["train_kd"].item() == pytest.approx(kd, rel=1e-5)
    assert losses["train_loss"].item() == pytest.approx(ce + LAMBDA * kd, rel=1e-5)

    def loss_with(name: str, index: tuple[int, ...], change: float) -> float:
        moved = weights[name].copy()
        moved[index] += change
        _, ce, kd = by_hand(weights | {name: moved}, module.data, protocol, STEP.patches)
        return ce + LAMBDA * kd

    for name, weight in module.student.head.named_parameters():
        assert weight.grad is not None, name
        for index in np.ndindex(*weight.shape):
            slope = (loss_with(name, index, 1e-6) - loss_with(name, index, -1e-6)) / 2e-6
            assert float(weight.grad[index]) == pytest.approx(slope, abs=2e-5), (name, index)


def test_the_gradient_of_a_target_that_follows_is_the_formula_s() -> None:
    module = training("upstream")
    live = module.text_targets = nn.Embedding(N, D_TXT)  # type: ignore[assignment]
    module._losses_of(STEP, module._say(STEP.patches))["train_loss"].backward()
    weights, start = weights_of(module), live.weight.detach().double()

    def loss_with(index: tuple[int, ...], change: float) -> float:
        moved = start.clone()
        moved[index] += change
        _, ce, kd = by_hand(weights, replace(module.data, targets=moved), "upstream", STEP.patches)
        return ce + LAMBDA * kd

    assert live.weight.grad is not None
    for index in np.ndindex(N, D_TXT):
        slope = (loss_with(index, 1e-6) - loss_with(index, -1e-6)) / 2e-6
        assert float(live.weight.grad[index]) == pytest.approx(slope, abs=2e-5), index


def test_the_gradient_of_h_v_s_adapters_is_the_formula_s() -> None:
    """Row 4: h_v is W + alpha / r B A, and of that A and B alone train."""
    module, r, alpha = training("upstream"), 2, 3.0
    base = weights_of(module)
    lora = {"r": r, "alpha": alpha, "dropout": 0.0}
    module.student.head.h_v = add_lora(_Alone(module.student.head.h_v), **lora, seed=0)  # type: ignore[arg-type]
    halves = {name.split(".")[-3]: weight for name, weight in module.named_parameters() if ".lora_" in name}
    torch.nn.init.normal_(halves["lora_B"])
    module._losses_of(STEP, module._say(STEP.patches))["train_loss"].backward()
    start = {name: weight.detach().double().numpy() for name, weight in halves.items()}
    assert [n for n, w in module.student.head.h_v.named_parameters() if w.requires_grad and ".lora_" not in n] == []

    def loss_with(name: str, index: tuple[int, ...], change: float) -> float:
        moved = {key: value.copy() for key, value in start.items()}
        moved[name][index] += change
        h_v = base["h_v.weight"] + alpha / r * moved["lora_B"] @ moved["lora_A"]
        _, ce, kd = by_hand(base | {"h_v.weight": h_v}, module.data, "upstream", STEP.patches)
        return ce + LAMBDA * kd

    for name, weight in halves.items():
        assert weight.grad is not None
        for index in np.ndindex(*weight.shape):
            slope = (loss_with(name, index, 1e-6) - loss_with(name, index, -1e-6)) / 2e-6
            assert float(weight.grad[index]) == pytest.approx(slope, abs=2e-5), (name, index)


# Row 1 and the last but one: the teacher is of its protocol, too.


def taught(world: Any, out: Path, protocol: str) -> StoredTensors:
    """A teacher after one step over all labelled train patches."""
    head = Head(epochs=1, batch=64, lr=1.0, weight_decay=0.0, optimiser="sgd").model_dump()
    train_teacher(
        world.report_targets,
        **world.tables,
        teacher=out / "teacher.safetensors",
        predictions=out / "teacher.parquet",
        scores=out / "teacher.json",
        settings=TEACHER | {"protocol": protocol, "head": head},
        threads=1,
        origin=Origin("teacher", seed=0),
    )
    return read_tensors(out / "teacher.safetensors")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_row_1_the_teacher_too_learns_by_a_softmax_or_by_two(world: Any, tmp_path: Path, protocol: str) -> None:
    examples = read_examples(world.patches, world.splits, world.labels)
    train = examples.labelled("train")
    t = torch.from_numpy(read_targets(world.report_targets).of(examples.patch_id[train]))
    teacher = taught(world, tmp_path, protocol)
    torch.manual_seed(0)
    head = TextHead(t.shape[1], C, teacher.meta["hidden"])
    logits = head(t)
    scores = logits.softmax(dim=-1) if protocol == "upstream" else logits
    F.cross_entropy(scores, torch.from_numpy(examples.label[train])).backward()
    for name, weight in head.named_parameters():
        assert weight.grad is not None
        assert torch.allclose(teacher.tensors[name], weight - weight.grad, atol=1e-6), name


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_h_t_sees_the_direction_of_an_embedding_alone_or_its_norm_too(
    world: Any, tmp_path: Path, protocol: str
) -> None:
    student, _, _ = started(protocol)
    heads: list[Any] = [student.head.h_t, teacher_head(taught(world, tmp_path, protocol))]
    for h_t in heads:
        t = torch.randn(2, h_t.layers[0].in_features)
        assert torch.allclose(h_t(t), h_t(2 * t), atol=1e-6) == (protocol == "corrected")


# Rows 2, 4 and 5: how a student starts, and what is adapted.


class Tower(nn.Module):
    """A vision encoder with attention of torch's own, as open_clip's towers have, and an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, stride=8)
        self.places = nn.Embedding(16, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.last = nn.Linear(8, D_IMG)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.places.weight
        return self.last(self.attention(tokens, tokens, tokens, need_weights=False)[0].mean(dim=1))


def stored(module: nn.Module, **meta: Any) -> StoredTensors:
    return StoredTensors(Any, dict(module.state_dict()), meta, {"lineage": {}})  # type: ignore[arg-type]


def started(protocol: str, form: str = "late", **changed: Any) -> tuple[Student, StoredTensors, StoredTensors]:
    torch.manual_seed(0)
    backbone = Backbone(Tower(), D_IMG, TRANSFORM, "digest", {})
    probe = stored(nn.Linear(D_IMG, C))
    teacher = stored(LateFusion(D_IMG, C, D_TXT, HIDDEN).h_t)
    lora = {"r": 2, "alpha": 2, "dropout": 0.0, "modules": None, "split_qkv": False} | changed
    asked = settings(protocol) | {"form": form, "lora": lora, "hidden": HIDDEN}
    student = start_student(
        backbone,
        asked,
        PROTOCOLS[protocol],
        n_classes=C,
        d_txt=D_TXT,
        probe=probe,
        teacher=teacher,
        prompts=None,
        projection=None,
        seed=0,
    )
    return student, probe, teacher


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_row_2_the_teacher_s_head_is_taken_over_or_thrown_away(protocol: str) -> None:
    student, _, teacher = started(protocol)
    same = torch.equal(student.head.h_t.layers[0].weight, teacher.tensors["layers.0.weight"])  # type: ignore
    assert same == (protocol == "corrected")
    mean = torch.eye(C).repeat(1, 2) / 2
    assert torch.equal(student.head.g.weight, mean) == (protocol == "corrected")  # type: ignore[union-attr]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_row_4_embeddings_and_the_fitted_head_are_adapted_or_left(protocol: str) -> None:
    student, probe, _ = started(protocol)
    upstream = protocol == "upstream"
    trained = {name for name, weight in student.named_parameters() if weight.requires_grad}
    assert any("places" in name for name in trained) == upstream
    fitted = {name for name in trained if "h_v" in name}
    assert all("lora_" in name for name in fitted) == upstream
    assert fitted
    v = torch.randn(2, D_IMG)
    expected = v @ probe.tensors["weight"].T + probe.tensors["bias"]
    assert torch.allclose(student.head.h_v(v), expected, atol=1e-6)  # type: ignore[union-attr,operator]
    heads = {name.split(".")[1] for name in trained if name.startswith("head.")}
    assert heads == {"h_v", "h_d", "h_t", "g"}, "the other heads train in full"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_linear_layers_the_fitted_head_is_frozen_in_upstream(protocol: str) -> None:
    """The released script's --no-lin: peft freezes what it does not adapt, and the head is inside what it adapts."""
    student, _, _ = started(protocol, linear=False)
    trained = {name for name, weight in student.named_parameters() if weight.requires_grad}
    upstream = protocol == "upstream"
    assert any("h_v" in name for name in trained) != upstream
    adapted = {name.split(".lora_")[0].split(".")[-1] for name in trained if name.startswith("backbone")}
    assert adapted == ({"patches", "places"} if upstream else {"patches"})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_row_5_attention_is_adapted_or_its_adapters_would_do_nothing(protocol: str) -> None:
    student, _, _ = started(protocol)
    adapted = {name for name, _ in student.backbone.named_parameters() if "lora_" in name and "attention" in name}
    assert bool(adapted) == (protocol == "corrected")


# Row 3: what the distillation trains.


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_row_3_a_live_target_follows_the_student_or_is_a_constant(protocol: str) -> None:
    module = training(protocol)
    live = module.text_targets = nn.Embedding(N, D_TXT)  # type: ignore[assignment]
    module._losses_of(STEP, module._say(STEP.patches))["train_loss"].backward()
    follows = live.weight.grad is not None and bool(live.weight.grad[STEP.patches].all())
    assert follows == (protocol == "upstream")


# Rows 6 and 7: what chooses the weights, and what patience watches.


def test_row_6_the_choice_rests_on_the_whole_loss_or_on_a_unimodal_score() -> None:
    assert Training().monitor == "val_ce"
    assert Training.model_validate({"protocol": "upstream"}).monitor == "val_loss"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_row_6_what_the_choice_rests_on_includes_the_distillation_or_not(protocol: str) -> None:
    module = training(protocol)
    _, ce, kd = by_hand(weights_of(module), module.data, protocol, module.data.val)
    fit_student(module, Fit(), None)
    expected = {"upstream": ce + LAMBDA * kd, "corrected": ce}[protocol]
    assert module.history[0][module.best.monitor] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_row_7_patience_watches_the_monitor_or_the_train_loss(protocol: str) -> None:
    best = Best("val_ce", patience=1, delta=0.0, watches=PROTOCOLS[protocol].patience_watches)
    best.see({"train_loss": 1.0, "val_ce": 1.0}, {})
    best.see({"train_loss": 0.5, "val_ce": 2.0}, {})  # validation gets worse, train better
    assert best.has_waited_enough == (protocol == "corrected")


# The last row: what contrastive holds for right.


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_contrastive_holds_an_image_s_own_prompt_or_all_images_of_its_class_for_right(protocol: str) -> None:
    torch.manual_seed(0)
    head = Contrastive(D_IMG, C, D_TXT)
    head.prompts = torch.randn(C, D_TXT)
    module = StudentTraining(
        Student(nn.Identity(), head), TRANSFORM, data(), settings(protocol) | {"form": "contrastive"}, seed=0
    )
    train = module.data.train
    with torch.no_grad():
        images = head(module.data.features[train]).t_hat  # type: ignore[index]
    expected = ContrastiveLoss(diagonal=protocol == "upstream")(images, head.prompts, module.data.labels[train])
    fit_student(module, Fit(), None)
    assert module.history[1]["train_loss"] == pytest.approx(expected.item(), rel=1e-5)


# A whole training: row 8, on the tiny world.


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_row_8_no_text_tower_is_exported_and_the_untrained_student_may_be_chosen(
    student: Callable[..., Any], protocol: str
) -> None:
    from safetensors.torch import load_file

    run = student("report", protocol=protocol, steps=2)
    heads = {name.split(".")[1] for name in load_file(run / "student.safetensors") if name.startswith("head.")}
    assert heads == {"h_v", "h_d", "h_t", "g"}
    assert not any("lora" in name for name in load_file(run / "student.safetensors"))
