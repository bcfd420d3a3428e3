"""What a student minimises, and how to read it."""

import torch
import torch.nn.functional as F
from torch import Tensor


def distillation_loss(t_hat: Tensor, target: Tensor) -> Tensor:
    """L_KD = 1 - cos(t_hat, t), the paper's distillation loss (facts, section 1, step 3).

    Args:
        t_hat: (B, d_txt) predicted text embeddings, any norm.
        target: (B, d_txt) text embeddings. Detached here: the text side never follows the student.

    Returns:
        (B,) float32, in [0, 2].
    """
    return 1 - F.cosine_similarity(t_hat.float(), target.detach().float(), dim=-1)


def distillation_skill(loss: Tensor, target: Tensor, mean_target: Tensor) -> float:
    """1 - L_KD / L_KD(mean report): 0 = no better than predicting one vector for every image, 1 = perfect.

    Text embeddings crowd around their mean, so a small L_KD alone says little.

    Args:
        loss: (B,) distillation losses of a student.
        target: (B, d_txt) the targets that it was measured on.
        mean_target: (d_txt,) the mean of the train targets.
    """
    baseline = distillation_loss(mean_target.expand_as(target), target).mean()
    return float(1 - loss.mean() / baseline.clamp_min(torch.finfo(torch.float32).eps))
