"""The small trained parts around a backbone and a text embedding."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TextHead(nn.Module):
    """h_t: Linear(d, hidden) - LeakyReLU(0.1) - Linear(hidden, C), on the input's direction alone.

    The input is L2-normalised here, because L_KD ignores the norm of t_hat: a head that was trained on unit text
    embeddings would otherwise see arbitrary scales in the student.
    """

    def __init__(self, d: int, n_classes: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.layers = nn.Sequential(nn.Linear(d, hidden), nn.LeakyReLU(0.1), nn.Linear(hidden, n_classes))

    def forward(self, embedding: Tensor) -> Tensor:
        """(B, d) embeddings -> (B, C) logits."""
        logits: Tensor = self.layers(F.normalize(embedding, dim=-1))
        return logits


def late_fusion(n_classes: int) -> nn.Linear:
    """g: Linear(2C, C) over [vision logits, text logits], started as their mean, [I/2, I/2], with no bias.

    Both branches count from the first step. Started at the vision logits alone, [I, 0], the text half hardly grew in
    a short training, and the text branch, trained all the same, was not used (measured on the phantom's seed 0).
    """
    g = nn.Linear(2 * n_classes, n_classes)
    with torch.no_grad():
        g.weight.copy_(torch.eye(n_classes).repeat(1, 2) / 2)
        g.bias.zero_()
    return g
