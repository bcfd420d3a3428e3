"""The model that is trained, exported and used: a backbone and a form of classifying its features, no text encoder."""

from typing import Self

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from clipit.models.heads import StudentOutput


class Student(nn.Module):
    """y_hat and t_hat of images (docs/architecture.md, "The method").

    Attributes:
        backbone: float (B, 3, s, s), transformed, to features (B, d_img).
        head: one of `clipit.models.heads.FORMS`.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, images: Tensor) -> StudentOutput:
        """(B, 3, s, s) transformed images -> logits and t_hat."""
        output: StudentOutput = self.head(self.backbone(images))
        return output

    def train(self, mode: bool = True) -> Self:
        """Training mode, but for the backbone's batch norms: their running statistics are frozen weights too."""
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self
