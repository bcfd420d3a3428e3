"""The model that is trained, exported and used: a backbone and heads, no text encoder."""

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from clipit.models.heads import TextHead, late_fusion


class StudentOutput(NamedTuple):
    """What a student says of a batch.

    Attributes:
        logits: (B, C) y_hat.
        t_hat: (B, d_txt) predicted text embedding, not normalised; None without a text branch.
    """

    logits: Tensor
    t_hat: Tensor | None


class Student(nn.Module):
    """y_hat = g([h_v(v), h_t(h_d(v))]), t_hat = h_d(v), v = backbone(image) (facts, section 1, steps 3 and 4).

    Without `d_txt` there is no text branch: y_hat = h_v(v), and none of its modules exist.
    """

    def __init__(
        self, backbone: nn.Module, *, d_img: int, n_classes: int, d_txt: int | None = None, hidden: int = 512
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.h_v = nn.Linear(d_img, n_classes)
        self.text_branch = d_txt is not None
        if d_txt is not None:
            self.h_d = nn.Linear(d_img, d_txt)
            self.h_t = TextHead(d_txt, n_classes, hidden)
            self.g = late_fusion(n_classes)

    def forward(self, images: Tensor) -> StudentOutput:
        """(B, 3, s, s) transformed images -> logits and t_hat."""
        return self.classify(self.backbone(images))

    def classify(self, features: Tensor, *, vision: bool = True, text: bool = True) -> StudentOutput:
        """(B, d_img) backbone features -> logits and t_hat; a branch switched off gives zero logits to g."""
        vision_logits = self.h_v(features)
        if not self.text_branch:
            return StudentOutput(vision_logits, None)
        t_hat = self.h_d(features)
        fused = torch.cat([vision_logits * vision, self.h_t(t_hat) * text], dim=-1)
        return StudentOutput(self.g(fused), t_hat)

    def train(self, mode: bool = True) -> Self:
        """Training mode, but for the backbone's batch norms: their running statistics are frozen weights too."""
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self
