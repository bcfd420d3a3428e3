"""peft's adapter layers, made to act however the weight is read, and never to touch the weight that they adapt."""

from typing import Any

from peft.tuners.lora.layer import Conv2d, Embedding, Linear, MultiheadAttention
from torch import Tensor, nn
from torch.func import functional_call


class _AdaptedWeight:
    """Whoever reads `weight` past the layer's forward gets the adapted one; peft's own gives the frozen one.

    EVA, BEiT and Swin V2 read that of a fused `qkv` so, DeBERTa that of its relative positions: the adapter would have
    no effect there. Dropout, which acts on a layer's input, has none.
    """

    @property
    def weight(self: Any) -> Tensor:
        weight: Tensor = self.get_base_layer().weight
        return weight if self.merged or self.disable_adapters else _sum(weight, self.get_delta_weight("default"))


class LinearLora(_AdaptedWeight, Linear):
    """An adapted `nn.Linear`."""


class EmbeddingLora(_AdaptedWeight, Embedding):
    """An adapted `nn.Embedding`, without dropout: its input is no number."""


class KernelLora(Conv2d):
    """Adds the adapter to the kernel, not its output to the base's: one convolution, and exactly the merged one.

    peft's own forward runs two more convolutions over the whole feature map, which nearly doubles a small ResNet's
    inference, forgets the dilation, and differs from its merge where a convolution standardises its kernel. Dropout
    acts on the input of the adapter, which then is a convolution of its own.
    """

    def forward(self, x: Tensor) -> Tensor:
        base = self.get_base_layer()
        if self.merged or self.disable_adapters:
            return base(x)
        down, up = self.lora_A["default"].weight, self.lora_B["default"].weight
        delta = (up.flatten(1) @ down.flatten(1)).view_as(base.weight) * self.scaling["default"]
        if self.training and self.dropout_rate > 0:
            return base(x) + base._conv_forward(self.lora_dropout["default"](x), delta.to(base.weight.dtype), None)
        return functional_call(base, {"weight": _sum(base.weight, delta)}, x)

    @property
    def dropout_rate(self) -> float:
        return getattr(self.lora_dropout["default"], "p", 0.0)


class AttentionLora(MultiheadAttention):
    """`nn.MultiheadAttention` with an adapter on its joint input projection and one on its output projection.

    peft's own (0.21) adds the adapters into the frozen weights at every step and takes them out again, which leaves
    rounding errors there, and adds the one on the output twice: its features are not those that the gradient is of.
    """

    def forward(self, query: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor | None]:
        base = self.get_base_layer()
        if self.merged or self.disable_adapters:
            return base(query, *args, **kwargs)
        out = base.out_proj
        weights = {
            "in_proj_weight": _sum(base.in_proj_weight, self.get_delta_weight("default")),
            "out_proj.base_layer.weight": _sum(out.get_base_layer().weight, out.get_delta_weight("default")),
        }
        return functional_call(base, weights, (query, *args), kwargs)

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        if not self.merged:
            base = self.get_base_layer()
            base.in_proj_weight.data += self.get_delta_weight("default")
            base.out_proj.merge(safe_merge, adapter_names)
            self.merged_adapters.append("default")

    def unmerge(self) -> None:
        if self.merged:
            base = self.get_base_layer()
            base.in_proj_weight.data -= self.get_delta_weight("default")
            base.out_proj.unmerge()
            self.merged_adapters.clear()


LAYERS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: LinearLora,
    nn.Embedding: EmbeddingLora,
    nn.Conv2d: KernelLora,
    nn.MultiheadAttention: AttentionLora,
}


def _sum(weight: Tensor, delta: Tensor) -> Tensor:
    return weight + delta.to(weight.dtype)  # peft keeps the adapters of a half-precision weight in single
