"""What the parts of a trained student contribute, measured on the labelled val patches."""

import numpy as np
import torch
from torch import Tensor

from clipit.models.heads import TextHead
from clipit.models.objectives import distillation_loss, distillation_skill
from clipit.models.student import Student
from clipit.models.tensor_file import StoredTensors
from clipit.training.scores import accuracy, balanced_accuracy


def diagnose(
    student: Student,
    features: np.ndarray,
    label: np.ndarray,
    targets: Tensor | None,
    mean_target: Tensor | None,
    teacher: StoredTensors | None,
) -> dict[str, float]:
    """Scores of the student whole and with each branch zeroed, of its t_hat, and of the teacher on the targets.

    Args:
        student: the student, on the CPU.
        features: (n, d_img) features by its backbone.
        label: (n,) int64.
        targets: (n, d_txt) and `mean_target` (d_txt,); None without distillation.
        teacher: the teacher as it was before the student; None without distillation.
    """
    v = torch.from_numpy(features)

    @torch.no_grad()
    def score(**branches: bool) -> float:
        return balanced_accuracy(label, student.classify(v, **branches).logits.argmax(dim=-1).numpy())

    scores = {"balanced_accuracy": score()}
    if targets is None or mean_target is None or teacher is None:
        return scores
    head = TextHead(*(teacher.meta[size] for size in ("d", "n_classes", "hidden")))
    head.load_state_dict(teacher.tensors)
    with torch.no_grad():
        t_hat = student.classify(v).t_hat
        assert t_hat is not None
        loss = distillation_loss(t_hat, targets)
        by_teacher = head(targets).argmax(dim=-1).numpy()
    return scores | {
        "balanced_accuracy_without_text_branch": score(text=False),
        "balanced_accuracy_without_vision_branch": score(vision=False),
        "distillation_loss": float(loss.mean()),
        "skill": distillation_skill(loss, targets, mean_target),
        "teacher_accuracy": accuracy(label, by_teacher),
        "teacher_balanced_accuracy": balanced_accuracy(label, by_teacher),
    }
