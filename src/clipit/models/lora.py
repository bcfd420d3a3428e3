"""Low-rank adapters on a vision encoder: every linear layer, convolution and attention, heads excluded."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora.layer import Conv2d
from torch import Tensor, nn
from torch.func import functional_call

from clipit.artifacts.atomic import write_text
from clipit.models.tensor_file import write_tensors
from clipit.runtime.errors import UserError


def add_lora(backbone: nn.Module, *, r: int, alpha: float, dropout: float, seed: int) -> PeftModel:
    """Freezes `backbone` and puts adapters of rank `r` and scale `alpha` / `r` on it, in place.

    Adapters start as zero (B = 0), so the features are unchanged until the first step. Grouped convolutions stay
    frozen, since an adapter on one cannot be merged. `nn.MultiheadAttention` is adapted as a whole: it reads the
    weight of its `out_proj` directly, so that an adapter on that layer alone would have no effect.

    Raises:
        UserError: there is nothing to adapt, or `dropout` is set for a backbone with `nn.MultiheadAttention`.
    """
    names = list(_adaptable(backbone))
    if not names:
        raise UserError("the backbone has no linear layer or convolution for LoRA: choose another backbone")
    if dropout and any(isinstance(module, nn.MultiheadAttention) for module in backbone.modules()):
        raise UserError("training.lora.dropout cannot act inside this backbone's nn.MultiheadAttention: set it to 0")
    config = LoraConfig(
        r=r,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules="|".join(map(re.escape, names)),  # as a pattern, names match whole, never by their ending
        bias="none",
    )
    config._register_custom_module({nn.Conv2d: _KernelLora})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return get_peft_model(backbone, config)


class _KernelLora(Conv2d):
    """Adds the adapter to the kernel, not its output to the base's: one convolution, and exactly the merged one.

    peft's own forward runs two more convolutions over the whole feature map, which nearly doubles a small ResNet's
    inference, and differs from its merge where a convolution standardises its kernel. It stays for dropout, which
    acts on the input.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.merged or self.disable_adapters or (self.training and self.dropout_rate > 0):
            return super().forward(x)
        base = self.get_base_layer()
        down, up = self.lora_A["default"].weight, self.lora_B["default"].weight
        delta = (up.flatten(1) @ down.flatten(1)).view_as(base.weight) * self.scaling["default"]
        return functional_call(base, {"weight": base.weight + delta}, x)

    @property
    def dropout_rate(self) -> float:
        return getattr(self.lora_dropout["default"], "p", 0.0)


def _adaptable(backbone: nn.Module) -> Iterator[str]:
    attention: tuple[str, ...] = ()
    for name, module in backbone.named_modules():
        if isinstance(module, nn.MultiheadAttention):
            attention += (f"{name}.",)
            yield name
        elif name.startswith(attention):
            continue
        elif isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1):
            yield name


def merge_lora(model: PeftModel) -> nn.Module:
    """The plain backbone with the adapters added into its weights; `model` is used up."""
    merged: nn.Module = model.merge_and_unload()
    return merged


def save_lora(model: PeftModel, folder: Path, provenance: Mapping[str, Any]) -> None:
    """Writes `adapter_model.safetensors` and `adapter_config.json`, which `PeftModel.from_pretrained` reads."""
    write_tensors(folder / "adapter_model.safetensors", get_peft_model_state_dict(model), provenance)
    config = model.peft_config["default"].to_dict()
    write_text(folder / "adapter_config.json", json.dumps(config, indent=1, sort_keys=True) + "\n")
