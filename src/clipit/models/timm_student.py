"""Exported students for timm: importing this module teaches `timm.create_model` the architecture `clipit_student`."""

from typing import Any

from timm.models import build_model_with_cfg, register_model
from torch import Tensor, nn

from clipit.encoders.backbone import build_backbone
from clipit.models.heads import FORMS
from clipit.models.student import Student

ARCHITECTURE = "clipit_student"


class TimmStudent(Student):
    """A student that gives logits alone, with what timm expects of a classifier.

    Args:
        num_classes: as timm gives it; the number of logits follows from `student`.
        student: `backbone` and `head` of the `student.json` that it was described by.
    """

    def __init__(self, num_classes: int, student: dict[str, Any], **_: Any) -> None:
        sizes = dict(student["head"])
        head: nn.Module = FORMS[sizes.pop("form")](**sizes)
        super().__init__(build_backbone(student["backbone"]), head)
        self.num_classes = num_classes

    def forward(self, images: Tensor) -> Tensor:  # type: ignore[override]
        """(B, 3, s, s) transformed images to logits (B, C)."""
        return super().forward(images).logits


@register_model
def clipit_student(pretrained: bool = False, **arguments: Any) -> TimmStudent:
    """An exported student: `timm.create_model("hf-hub:owner/model", pretrained=True)`, or `local-dir:folder`."""
    model: TimmStudent = build_model_with_cfg(TimmStudent, ARCHITECTURE, pretrained, **arguments)
    return model
