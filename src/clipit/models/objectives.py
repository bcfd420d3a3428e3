"""What a student minimises, a class an objective, and how to read it."""

import torch
import torch.nn.functional as F
from torch import Tensor


class CrossEntropy:
    """L_CE of labelled examples.

    With `softmax_twice` the logits pass a softmax before the cross-entropy's own, as in the released code: the loss
    cannot fall below log(1 + (C - 1) / e), and its gradient fades where a prediction is sure.
    """

    def __init__(self, softmax_twice: bool = False) -> None:
        self.softmax_twice = softmax_twice

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(B, C) logits and int64 (B,) labels to the mean, float32."""
        logits = logits.float()
        return F.cross_entropy(logits.softmax(dim=-1) if self.softmax_twice else logits, labels)


class Distillation:
    """L_KD = 1 - cos(t_hat, t), the paper's distillation loss (arXiv 2504.16181; docs/architecture.md, step 3).

    With `detach` the target is a constant. Without, as in the released code, a text tower that trains follows the
    student, and may collapse onto it.
    """

    def __init__(self, detach: bool = True) -> None:
        self.detach = detach

    def __call__(self, t_hat: Tensor, target: Tensor) -> Tensor:
        """(B, d_txt) predictions and targets, of any norm, to (B,) float32 in [0, 2]."""
        target = target.detach() if self.detach else target
        return 1 - F.cosine_similarity(t_hat.float(), target.float(), dim=-1)


class ContrastiveLoss:
    """The mean of two cross-entropies, image to text and text to image, over cosines / `temperature`.

    Image to text: over the C class prompts, the image's own is right. Text to image: of each class in the batch, over
    the images, all images of the class are right together (their mean log-likelihood, as in supervised contrastive
    learning, Khosla et al. 2020, equation 2). With `diagonal`, as in the released code, each image's prompt stands in
    the batch as often as the class does, and only the image's own copy is right, in both directions.
    """

    def __init__(self, temperature: float = 0.07, diagonal: bool = False) -> None:
        self.temperature, self.diagonal = temperature, diagonal

    def __call__(self, images: Tensor, prompts: Tensor, labels: Tensor) -> Tensor:
        """(B, d) image embeddings and (C, d) prompts, of any norm, and int64 (B,) labels to the mean, float32."""
        images, prompts = F.normalize(images.float(), dim=-1), F.normalize(prompts.float(), dim=-1)
        logits = images @ prompts.T / self.temperature
        if self.diagonal:
            square, own = logits[:, labels], torch.arange(len(labels), device=labels.device)
            return (F.cross_entropy(square, own) + F.cross_entropy(square.T, own)) / 2
        right = F.one_hot(labels, len(prompts)).T.bool()[labels.unique()]
        to_image = logits.T[labels.unique()].log_softmax(dim=-1)
        found = (to_image * right).sum(dim=-1) / right.sum(dim=-1)
        return (F.cross_entropy(logits, labels) - found.mean()) / 2


def distillation_skill(loss: Tensor, target: Tensor, mean_target: Tensor) -> float | None:
    """1 - L_KD / L_KD(mean report): 0 = no better than predicting one vector for every image, 1 = perfect.

    Text embeddings crowd around their mean, so a small L_KD alone says little. None where all targets are the mean.

    Args:
        loss: (B,) distillation losses of a student.
        target: (B, d_txt) the targets that it was measured on.
        mean_target: (d_txt,) the mean of the train targets.
    """
    baseline = float(Distillation()(mean_target.expand_as(target), target).mean())
    return 1 - float(loss.mean()) / baseline if baseline > 1e-6 else None
