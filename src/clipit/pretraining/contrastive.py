"""CLIP's loss where several images may share a caption."""

import torch
from open_clip.loss import ClipLoss
from torch import Tensor
from torch.nn.functional import cross_entropy


class MultiPositiveClipLoss(ClipLoss):
    """open_clip's contrastive loss with every image of an equal caption as a positive, in equal shares.

    With captions all different it is `ClipLoss`.
    """

    def forward(self, image_features: Tensor, text_features: Tensor, logit_scale: Tensor, caption: Tensor) -> Tensor:
        """The loss, a scalar, of unit features (B, d) each; `caption` int64 (B,) numbers the distinct captions."""
        per_image, per_text = self.get_logits(image_features, text_features, logit_scale)
        same = (caption[:, None] == caption[None]).to(per_image)
        target = same / same.sum(dim=1, keepdim=True)
        return (cross_entropy(per_image, target) + cross_entropy(per_text, target)) / 2


def number(captions: list[str]) -> Tensor:
    """A number for each distinct caption: int64 (N,)."""
    numbers = {caption: i for i, caption in enumerate(dict.fromkeys(captions))}
    return torch.tensor([numbers[caption] for caption in captions])
