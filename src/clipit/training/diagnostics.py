"""What the parts of a trained student contribute, measured on the labelled val patches."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clipit.models.heads import EarlyFusion, LateFusion, TextHead
from clipit.models.objectives import Distillation, distillation_skill
from clipit.statistics.metrics import accuracy_of, balanced_accuracy_of


def diagnose(
    head: nn.Module,
    features: np.ndarray,
    label: np.ndarray,
    targets: Tensor | None,
    mean_target: Tensor | None,
    teacher: TextHead | None,
    taught: Tensor | None,
) -> dict[str, float | None]:
    """Scores of the student whole and with each branch zeroed, of its t_hat, and of the teacher on the targets.

    Args:
        head: the student's, on the CPU.
        features: (n, d_img) features by its backbone.
        label: (n,) int64.
        targets: (n, d_txt) and `mean_target` (d_txt,), as they are now; None without distillation.
        teacher: the teacher as it was before the student; None without one.
        taught: (n, d_txt) the targets that it was taught by: others than `targets` where the text tower trained.
    """
    v = torch.from_numpy(features)

    @torch.no_grad()
    def score(**branches: bool) -> float:
        said: Any = head(v, **branches)
        return balanced_accuracy_of(label, said.logits.argmax(dim=-1).numpy())

    scores: dict[str, float | None] = {"balanced_accuracy": score()}
    if isinstance(head, LateFusion | EarlyFusion):
        scores |= {
            "balanced_accuracy_without_text_branch": score(text=False),
            "balanced_accuracy_without_vision_branch": score(vision=False),
        }
    if targets is not None and mean_target is not None:
        with torch.no_grad():
            loss = Distillation()(head(v).t_hat, targets)
        scores |= {"distillation_loss": float(loss.mean()), "skill": distillation_skill(loss, targets, mean_target)}
    if teacher is not None and taught is not None:
        with torch.no_grad():
            said = teacher(taught).argmax(dim=-1).numpy()
        scores |= {
            "teacher_accuracy": accuracy_of(label, said),
            "teacher_balanced_accuracy": balanced_accuracy_of(label, said),
        }
    return scores
