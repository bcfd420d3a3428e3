"""How a student starts: its form, the heads that were fitted before, its adapters (docs/protocols.md)."""

from collections.abc import Mapping
from typing import Any

import torch
from peft import PeftModel
from torch import nn

from clipit.artifacts.tables import Stored, embedding_matrix
from clipit.encoders.backbone import Backbone
from clipit.models.heads import FORMS, Contrastive, EarlyFusion, LateFusion, TextHead
from clipit.models.lora import add_lora
from clipit.models.student import Student
from clipit.models.tensor_file import StoredTensors
from clipit.training.protocol import Protocol


def start_student(
    backbone: Backbone,
    settings: Mapping[str, Any],
    protocol: Protocol,
    *,
    n_classes: int,
    d_txt: int | None,
    probe: StoredTensors | None,
    teacher: StoredTensors | None,
    prompts: Stored | None,
    projection: nn.Linear | None,
    seed: int,
) -> Student:
    """A student of the form and with the adapters that `settings` ask for; all else of the backbone is frozen.

    Args:
        backbone: the pretrained backbone.
        settings: what `train_student` takes.
        protocol: how the heads start, and what is adapted.
        n_classes: number of classes.
        d_txt: dimensions of the targets; None without any.
        probe: the probe on the same backbone: h_v starts from it. Not of `contrastive`.
        teacher: the teacher on the same targets.
        prompts: embeddings of the classes' names; of `contrastive` alone.
        projection: from the backbone's features into the space of the prompts; None: they lie there.
        seed: of the adapters.
    """
    sizes: dict[str, Any] = {"d_img": backbone.d, "n_classes": n_classes}
    form = settings["form"]
    if form == "contrastive":
        assert prompts is not None
        d_txt = embedding_matrix(prompts).shape[1]
    if form != "vision":
        sizes["d_txt"] = d_txt
    if form == "late":
        sizes |= {"hidden": settings["hidden"], "normalise": protocol.normalise_text}
    head = FORMS[form](**sizes)
    if isinstance(head, Contrastive):
        _start_contrastive(head, prompts, projection)
    elif probe is not None:
        _start_from_probe(head, probe)
    if isinstance(head, LateFusion) and protocol.start_from_teacher:
        head.start_at_the_mean()
        if teacher is not None:
            head.h_t.load_state_dict(teacher.tensors)
    student = Student(backbone.module, head)
    backbone.module.requires_grad_(False)
    if settings["lora"] is not None:
        _adapt(student, settings["lora"], protocol, seed)
    return student


def teacher_head(teacher: StoredTensors) -> TextHead:
    """The teacher itself."""
    head = TextHead(*(teacher.meta[size] for size in ("d", "n_classes", "hidden", "normalise")))
    head.load_state_dict(teacher.tensors)
    return head


def _start_from_probe(head: Any, probe: StoredTensors) -> None:
    if isinstance(head, EarlyFusion):
        with torch.no_grad():
            head.g.weight[:, : head.sizes["d_img"]] = probe.tensors["weight"]
            head.g.bias.copy_(probe.tensors["bias"])
    else:
        head.h_v.load_state_dict(probe.tensors)


def _start_contrastive(head: Contrastive, prompts: Stored | None, projection: nn.Linear | None) -> None:
    """The CLIP itself: zero-shot classification before the first step."""
    assert prompts is not None
    head.prompts = torch.from_numpy(embedding_matrix(prompts).copy())
    with torch.no_grad():
        head.projection.bias.zero_()
        if projection is None:
            head.projection.weight.copy_(torch.eye(*head.projection.weight.shape))
        else:
            head.projection.weight.copy_(projection.weight)
            if projection.bias is not None:
                head.projection.bias.copy_(projection.bias)


def _adapt(student: Student, lora: Mapping[str, Any], protocol: Protocol, seed: int) -> None:
    everything = protocol.adapt_everything
    student.backbone = add_lora(
        student.backbone, **lora, seed=seed, embeddings=everything, attention=protocol.adapt_attention
    )
    if not (everything and hasattr(student.head, "h_v")):
        return
    student.head.h_v.requires_grad_(False)
    if lora.get("linear", True):
        shared = {key: lora[key] for key in ("r", "alpha", "dropout")}
        student.head.h_v = add_lora(_Alone(student.head.h_v), **shared, seed=seed)  # type: ignore[arg-type]


class _Alone(nn.Module):
    """A layer as a model of its own, which adapters need."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.layer(x)
        return output


def adapters_of(student: Student) -> dict[str, PeftModel]:
    """The adapted parts by name: `backbone`, and h_v where it is adapted too."""
    parts = {"backbone": student.backbone, "h_v": getattr(student.head, "h_v", None)}
    return {name: part for name, part in parts.items() if isinstance(part, PeftModel)}
