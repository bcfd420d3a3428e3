"""An exported student: `student.safetensors` (merged weights and heads) and `student.json` (all else).

Loading one needs timm and nothing of the text side: no report, no text encoder, no adapter library.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from clipit.artifacts.provenance import file_digest
from clipit.artifacts.tables import read_json, write_json
from clipit.encoders.backbone import build_backbone
from clipit.encoders.image_transform import ImageTransform
from clipit.models.heads import FORMS
from clipit.models.student import Student
from clipit.models.tensor_file import read_tensors, write_tensors
from clipit.runtime.errors import UserError

WEIGHTS = "student.safetensors"
DESCRIPTION = "student.json"


class ExportedStudent(NamedTuple):
    """A student ready to predict, in evaluation mode on the CPU.

    Attributes:
        student: the model.
        classes: class names, in the order of its logits.
        transform: from stored patches to its input.
        description: all of `student.json`.
    """

    student: Student
    classes: tuple[str, ...]
    transform: ImageTransform
    description: Mapping[str, Any]


def save_student(
    folder: str | Path,
    student: Student,
    *,
    classes: Sequence[str],
    transform: ImageTransform,
    backbone_spec: Mapping[str, Any],
    provenance: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Writes `student`, whose backbone is plain (adapters merged), into `folder`; `student.json` comes last.

    `facts` are further JSON entries of `student.json` (diagnostics, settings).
    """
    folder = Path(folder)
    write_tensors(folder / WEIGHTS, student.state_dict(), provenance)
    head: Any = student.head
    description = {
        "classes": list(classes),
        "transform": transform.to_dict(),
        "backbone": dict(backbone_spec),
        "head": {"form": head.form, **head.sizes},
        "weights_sha256": file_digest(folder / WEIGHTS),
    }
    write_json(folder / DESCRIPTION, {**(facts or {}), **description}, provenance)


def load_student(folder: str | Path) -> ExportedStudent:
    """Loads the student in `folder`; one that was exported for the hub names its weights otherwise.

    Raises:
        UserError: a file is missing, or the weights are not the ones that `student.json` describes.
    """
    folder = Path(folder)
    description = read_json(folder / DESCRIPTION)
    stored = read_tensors(folder / description.get("weights", WEIGHTS))
    if file_digest(stored.path) != description["weights_sha256"]:
        raise UserError(
            f"{stored.path} is not the file that {DESCRIPTION} beside it describes: export the student again"
        )
    form, sizes = FORMS[description["head"]["form"]], {k: v for k, v in description["head"].items() if k != "form"}
    student = Student(build_backbone(description["backbone"]), form(**sizes))
    student.load_state_dict(stored.tensors)
    student.eval()
    classes = tuple(description["classes"])
    return ExportedStudent(student, classes, ImageTransform.from_dict(description["transform"]), description)
