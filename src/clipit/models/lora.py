"""Low-rank adapters on an encoder, of images or of text: its linear layers, convolutions, attention, embeddings."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora.layer import LoraLayer
from torch import nn

from clipit.artifacts.atomic import write_text
from clipit.models.lora_layers import LAYERS, KernelLora
from clipit.models.split_qkv import join_qkv
from clipit.models.split_qkv import split_qkv as split_fused
from clipit.models.tensor_file import write_tensors
from clipit.runtime.errors import UserError


def add_lora(
    module: nn.Module,
    *,
    r: int,
    alpha: float,
    dropout: float,
    seed: int,
    modules: str | None = None,
    linear: bool = True,
    embeddings: bool = False,
    attention: bool = True,
    split_qkv: bool = False,
) -> PeftModel:
    """Freezes `module` and puts adapters of rank `r` and scale `alpha` / `r` on its layers, in place.

    Adapters start as zero, so the features are unchanged until the first step. Grouped convolutions stay frozen, since
    an adapter on one cannot be merged, and so do embeddings that rescale their weights in use (`max_norm`).

    Args:
        module: an encoder of images or of text.
        r: rank.
        alpha: an adapter is multiplied by `alpha` / `r`.
        dropout: on the input of the adapters in training. None on embeddings, nor where a layer's weight is read
            directly (`lora_layers`).
        seed: of the adapters' random halves; the global random state stays.
        modules: a regular expression, found (`re.search`) in the dotted names of the layers to adapt, as
            `module.named_modules()` has them after the split: `r"blocks\\.1[01]\\."`, `r"qkv\\.[qv]$"`. None: all.
        linear: adapt linear layers, and attention, which is made of them. False leaves convolutions, and embeddings.
        embeddings: adapt every `nn.Embedding` too.
        attention: adapt `nn.MultiheadAttention`, each as a whole under its own name: it reads the weights of its
            projections directly, so that an adapter on its `out_proj` alone would have no effect. False leaves all
            of them frozen, which is what the paper's released code amounts to, whose adapters are on `out_proj`.
        split_qkv: adapt queries, keys and values of timm's fused `qkv` apart, named `qkv.q`, `qkv.k` and `qkv.v`.
            `merge_lora` joins them again.

    Raises:
        UserError: nothing to adapt or to split, `modules` is no regular expression, `dropout` is set for a layer that
            cannot have it, or a part has a name that peft takes for its own.
    """
    if split_qkv and not split_fused(module):
        raise UserError("the encoder has no fused qkv that LoRA could split: switch the split off")
    if any("base_layer" in name.split(".") for name, _ in module.named_modules()):
        raise UserError(
            "the encoder has a part named base_layer, which LoRA's library takes for its own: choose another"
        )
    try:
        names = _chosen(modules, list(_adaptable(module, linear=linear, embeddings=embeddings, attention=attention)))
        _check_dropout(module, names, dropout)
    except UserError:
        join_qkv(module)
        raise
    config = LoraConfig(
        r=r,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules="|".join(map(re.escape, names)),  # as a pattern, names match whole, never by their ending
        bias="none",
    )
    config._register_custom_module(LAYERS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(module, config)
    for part in model.modules():
        if isinstance(part, LoraLayer):  # born in training mode, whatever the mode of the layer that it adapts
            part.train(part.get_base_layer().training)
        if isinstance(part, KernelLora):  # its halves are of the kind of the layer that it adapts, of which only
            for name, weight in part.named_parameters():  # the kernels act
                weight.requires_grad_(weight.requires_grad and name.endswith(".weight"))
    return model


def _adaptable(module: nn.Module, *, linear: bool, embeddings: bool, attention: bool) -> Iterator[str]:
    inside: tuple[str, ...] = ()
    for name, part in module.named_modules():
        if name.startswith(inside):
            continue
        if isinstance(part, nn.MultiheadAttention):
            inside += (f"{name}.",)
            keys_differ = part.in_proj_weight is None  # in width: peft cannot adapt it
            if linear and attention and not keys_differ:
                yield name
        elif _mergeable(part):
            left_out = isinstance(part, nn.Embedding) and not embeddings, isinstance(part, nn.Linear) and not linear
            if not any(left_out):
                yield name


def _mergeable(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv2d):
        return layer.groups == 1
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Embedding) and layer.max_norm is None)


def _chosen(pattern: str | None, names: Sequence[str]) -> Sequence[str]:
    if not names:
        raise UserError(
            "the encoder has no layer for LoRA of the kinds asked for: choose another, or set lora.linear: true"
        )
    if pattern is None:
        return names
    try:
        found = [name for name in names if re.search(pattern, name)]
    except re.error as error:
        raise UserError(f"LoRA's modules: {pattern!r} is no regular expression ({error})") from None
    if not found:
        raise UserError(f"LoRA's modules: {pattern!r} is found in no layer's name: try {_examples(names)}")
    return found


def _examples(names: Sequence[str], most: int = 6) -> str:
    """Some of `names`: of those that differ in numbers alone, the first."""
    kinds: dict[str, str] = {}
    for name in names:
        kinds.setdefault(re.sub(r"\d+", "", name), name)
    shown = list(kinds.values())[:most]
    return ", ".join(shown) + (f" (or others of {len(names)})" if len(names) > len(shown) else "")


def _check_dropout(module: nn.Module, names: Sequence[str], dropout: float) -> None:
    if not dropout:
        return
    for layer in map(module.get_submodule, names):
        # A convolution that changes its kernel (standardises it) or its padding in use is none of its input's parts.
        odd = isinstance(layer, nn.Conv2d) and type(layer).forward is not nn.Conv2d.forward
        if odd or isinstance(layer, nn.MultiheadAttention):
            raise UserError(
                f"LoRA's dropout cannot act inside this encoder's {type(layer).__name__}: "
                "set it to 0, or leave these out"
            )


def merge_lora(model: PeftModel) -> nn.Module:
    """The plain encoder with the adapters added into its weights, under the names from before; `model` is used up."""
    merged: nn.Module = model.merge_and_unload()
    join_qkv(merged)
    return merged


def save_lora(model: PeftModel, folder: Path, provenance: Mapping[str, Any]) -> None:
    """Writes `adapter_model.safetensors` and `adapter_config.json`, which `PeftModel.from_pretrained` reads.

    It puts them on the module that `add_lora` was given; with `split_qkv`, on that module after `split_qkv`. peft's
    own layers act as ours do, but for the differences that `lora_layers` names: those of attention count the adapter
    on `out_proj` twice.
    """
    # "auto", peft's default, asks the network about some models, and writes frozen embeddings of others.
    weights = get_peft_model_state_dict(model, save_embedding_layers=False)
    write_tensors(folder / "adapter_model.safetensors", weights, provenance)
    # The name of a transformers model that was read from a folder is that folder.
    config = model.peft_config["default"].to_dict() | {"base_model_name_or_path": None}
    write_text(folder / "adapter_config.json", json.dumps(config, indent=1, sort_keys=True) + "\n")
