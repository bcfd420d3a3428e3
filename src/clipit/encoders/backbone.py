"""Vision backbones: any timm model, or the image tower of a retriever."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from timm.models import resolve_model_input_args, split_model_name_tag
from torch import nn

from clipit.artifacts.atomic import atomic_path
from clipit.artifacts.tables import write_json
from clipit.encoders.hub import TIMM, model_folder
from clipit.encoders.image_transform import ImageTransform
from clipit.encoders.self_attention import use_self_attention
from clipit.encoders.weights import encoder_digest, loading, local_folder
from clipit.runtime.errors import UserError
from clipit.runtime.names import HUB, LOCAL, nearest


@dataclass(frozen=True)
class Backbone:
    """A vision encoder, in evaluation mode.

    Attributes:
        module: float32 (B, 3, s, s) to pooled features (B, d), not normalised.
        d: number of features.
        transform: from stored patches to its input.
        digest: of its weights and its transform.
        spec: JSON values from which `build_backbone` makes the same architecture.
    """

    module: nn.Module
    d: int
    transform: ImageTransform
    digest: str
    spec: Mapping[str, Any]


def load_backbone(
    name: str,
    *,
    image_size: int | None = None,
    pretrained: bool = True,
    seed: int = 0,
    model_args: Mapping[str, Any] | None = None,
    marker: str | Path | None = None,
) -> Backbone:
    """Loads a timm model without its classifier.

    Args:
        name: a timm name (`vit_small_patch14_dinov2.lvd142m`), `hf-hub:organisation/model[@revision]` or
            `local-dir:folder`.
        image_size: side of its input, pixels; None: the model's own. Position embeddings are resampled to it.
        pretrained: False: random weights, drawn from `seed`.
        seed: of the random weights.
        model_args: further arguments of the architecture (`channels` of a ResNet, `init_values` of a ViT).
        marker: of a model of the hub: the file that says which commit was fetched (`encoders.hub.at_commit`).

    Raises:
        UserError: the name is unknown, the weights cannot be had, or the model cannot take such images.
    """
    _check_name(name, pretrained)
    source = name
    if name.startswith(HUB):
        source = f"{LOCAL}{model_folder(name, TIMM, weights=pretrained, marker=marker)}"
    with loading(name):
        arguments = resolve_model_input_args(source, {"img_size": image_size}, **(model_args or {}))
        config = arguments["pretrained_cfg"]
        size = image_size or _side(arguments.get("img_size", config["input_size"][-2:]))
        # Many a folder or hub copy of a ViT does not say that its input size is fixed; timm's own entry does.
        if (entry := timm.get_pretrained_cfg(arguments["model_name"])) and entry.fixed_input_size:
            arguments.setdefault("img_size", size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = timm.create_model(**arguments, pretrained=pretrained, num_classes=0).eval()
    for key in ("pretrained_cfg", "pretrained_model_args"):
        arguments.pop(key, None)
    spec = {
        "kind": "timm",
        "architecture": arguments.pop("model_name"),
        "args": {key: list(value) if isinstance(value, tuple) else value for key, value in arguments.items()},
        # What of timm's description of the weights decides the architecture.
        "input": {"input_size": list(config["input_size"]), "fixed_input_size": config.get("fixed_input_size", False)},
    }
    return describe_backbone(module, ImageTransform.from_config(config, size), spec, name)


def describe_backbone(module: nn.Module, transform: ImageTransform, spec: Mapping[str, Any], name: str) -> Backbone:
    """The backbone around `module`; one blank image goes through it, to see that it fits and how many features come.

    Raises:
        UserError: `module` (called `name` in the message) does not take images of the transform's size, or gives
            something else than one vector an image.
    """
    weight = next(module.parameters())
    blank = torch.zeros(1, 3, transform.size, transform.size, device=weight.device, dtype=weight.dtype)
    try:
        with torch.inference_mode():
            features = module.eval()(blank)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise UserError(f"{name} does not take images of {transform.size} px: set another image_size") from error
    if not isinstance(features, torch.Tensor) or features.ndim != 2:
        raise UserError(f"{name} does not pool its features into one vector an image: choose another model")
    return Backbone(module, features.shape[1], transform, encoder_digest(module, transform), spec)


def save_backbone(folder: str | Path, backbone: Backbone, provenance: Mapping[str, Any]) -> None:
    """Writes a timm `backbone` as a `local-dir:` folder: config.json, then model.safetensors.

    Raises:
        UserError: it is no timm model.
    """
    folder, spec, transform = Path(folder), backbone.spec, backbone.transform
    if spec["kind"] != "timm":
        raise UserError("an image tower that trains must be a timm model: choose another backbone, or keep it frozen")
    config = {
        "architecture": spec["architecture"],
        "num_classes": 0,
        "num_features": backbone.d,
        "model_args": spec["args"],
        "pretrained_cfg": {
            "input_size": [3, transform.size, transform.size],
            "fixed_input_size": spec["input"]["fixed_input_size"],
            "interpolation": transform.interpolation,
            "mean": list(transform.mean),
            "std": list(transform.std),
            "crop_pct": 1.0,
            "num_classes": 0,
        },
    }
    write_json(folder / "config.json", config, provenance)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in backbone.module.state_dict().items()}
    with atomic_path(folder / "model.safetensors") as temporary:
        save_file(state, temporary, {"clipit": json.dumps(provenance, sort_keys=True)})


def build_backbone(spec: Mapping[str, Any]) -> nn.Module:
    """The architecture that `spec` describes, random weights, in evaluation mode; nothing is downloaded."""
    if spec["kind"] == "open_clip":
        from open_clip import CLIP

        # The class that open_clip makes its image towers in; the text tower beside it is the smallest possible.
        text = {"context_length": 1, "vocab_size": 1, "width": 1, "heads": 1, "layers": 1}
        clip: Any = CLIP(spec["embed_dim"], spec["vision_cfg"], text, quick_gelu=spec["quick_gelu"])
        return use_self_attention(clip.visual.eval())
    if spec["kind"] == "conch":
        from clipit.encoders.conch_tower import ConchTower

        return ConchTower(spec["trunk"], spec["d"], spec["pool_heads"]).eval()
    if spec["kind"] == "transformers":
        from clipit.encoders.transformers_tower import TransformersTower

        return TransformersTower(spec["family"], spec["vision"], spec["projection"]).eval()
    return timm.create_model(
        spec["architecture"], pretrained=False, pretrained_cfg=dict(spec["input"]), num_classes=0, **spec["args"]
    ).eval()


def with_digest(backbone: Backbone) -> Backbone:
    """`backbone` with the digest of its weights as they are now, after training."""
    return replace(backbone, digest=encoder_digest(backbone.module, backbone.transform))


def _check_name(name: str, pretrained: bool) -> None:
    if name.startswith(LOCAL):
        local_folder(name, "config.json")
    elif not name.startswith(HUB):
        architecture, tag = split_model_name_tag(name)
        if not timm.is_model(architecture):
            raise UserError(f"timm has no model {architecture!r}{nearest(architecture, timm.list_models(), 3)}")
        tagged = timm.list_pretrained(f"{architecture}.*")
        if (tag and name not in tagged) or (pretrained and not tagged and not timm.list_pretrained(architecture)):
            raise UserError(f"timm has no pretrained weights {name!r}{nearest(name, tagged, 3)}")


def _side(size: int | tuple[int, ...] | list[int]) -> int:
    return size if isinstance(size, int) else size[-1]
