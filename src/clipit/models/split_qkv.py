"""timm's fused projection to queries, keys and values as three layers, so that each can have an adapter of its own."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn


class SplitQkv(nn.Module):
    """Three linear layers in place of a fused one: (..., d) to (..., 3 w), queries, keys and values in this order.

    Attributes:
        q, k, v: the thirds of the fused layer, (..., d) to (..., w) each.
    """

    def __init__(self, fused: nn.Linear) -> None:
        super().__init__()
        weights = fused.weight.chunk(3)
        biases = (None,) * 3 if fused.bias is None else fused.bias.chunk(3)
        self.q, self.k, self.v = map(_linear, weights, biases)
        self.train(fused.training)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.q(x), self.k(x), self.v(x)], dim=-1)

    def fused(self) -> nn.Linear:
        """The one layer that does the same."""
        thirds = (self.q, self.k, self.v)
        bias = None if self.q.bias is None else torch.cat([third.bias for third in thirds])
        return _linear(torch.cat([third.weight for third in thirds]), bias).train(self.training)


def split_qkv(module: nn.Module) -> int:
    """Splits every fused `qkv` inside `module`, in place, and says how many; the outputs stay what they are.

    Fused means the attention of timm (1.0.31): a linear layer named `qkv` that is called as one and whose output is
    read as queries, keys and values one after another, each as wide as the input of the layer `proj` beside it. Left
    alone are those that are something else:

    - EVA, BEiT and Swin V2 with biases of their own for queries and values: they read `qkv.weight` directly;
    - some MaxViTs, TinyViT and EfficientFormer: their output is ordered by heads first, its thirds mix the three;
    - the global attention of GC ViT, whose `qkv` is keys and values only; convolutions.
    """
    found = [parent for parent in module.modules() if _is_fused(parent)]
    for parent in found:
        parent.qkv = SplitQkv(parent.qkv)  # type: ignore[arg-type]
    return len(found)


def join_qkv(module: nn.Module) -> int:
    """Undoes `split_qkv` in place, and says how often: weights have the names and, untrained, the bits from before.

    Adapters on the three layers have to be merged first.
    """
    found = list(_split_parents(module))
    for parent, name, split in found:
        setattr(parent, name, split.fused())
    return len(found)


def _split_parents(module: nn.Module) -> Iterator[tuple[nn.Module, str, SplitQkv]]:
    for parent in module.modules():
        for name, child in parent.named_children():
            if isinstance(child, SplitQkv):
                yield parent, name, child


def _is_fused(parent: nn.Module) -> bool:
    qkv, proj = getattr(parent, "qkv", None), getattr(parent, "proj", None)
    if type(qkv) is not nn.Linear or not isinstance(proj, nn.Linear) or qkv.out_features != 3 * proj.in_features:
        return False
    reads_weight = getattr(parent, "q_bias", None) is not None
    heads_first = getattr(parent, "head_first", False) or hasattr(parent, "key_dim")
    return not reads_weight and not heads_first


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A layer with copies of these; made on "meta", since a layer that draws weights would move the random state."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = _parameter(weight)
    if bias is not None:
        layer.bias = _parameter(bias)
    return layer


def _parameter(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().clone(), requires_grad=values.requires_grad)
