"""Image towers of CLIP and SigLIP models of `transformers`, rebuilt from a few numbers."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel, SiglipVisionConfig, SiglipVisionModel

_FAMILIES: dict[str, tuple[Any, Any]] = {
    "clip": (CLIPVisionConfig, CLIPVisionModel),
    "siglip": (SiglipVisionConfig, SiglipVisionModel),
}
_SHAPE = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "patch_size", "hidden_act",
    "layer_norm_eps",
)  # fmt: skip


class TransformersTower(nn.Module):
    """A ViT and, of a CLIP, its projection into the shared space: (B, 3, s, s) to (B, d)."""

    def __init__(self, family: str, vision: Mapping[str, Any], projection: int | None) -> None:
        super().__init__()
        config, model = _FAMILIES[family]
        self.vision = model(config(**vision))
        # A SigLIP's pooled features are in the shared space already.
        self.projection = nn.Linear(vision["hidden_size"], projection, bias=False) if projection else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.projection(self.vision(pixel_values=images).pooler_output)
        return features


def tower_spec(config: Any) -> dict[str, Any]:
    """The arguments of `TransformersTower` for the image tower of a model with this configuration, as JSON values."""
    vision = config.vision_config
    shape = {name: getattr(vision, name) for name in _SHAPE}
    if config.model_type == "clip":
        size = {"image_size": vision.image_size}
        return {"family": "clip", "vision": shape | size, "projection": config.projection_dim}
    # A SigLIP 2 of variable resolution is, at its own number of patches in a square, a SigLIP.
    side = vision.patch_size * math.isqrt(vision.num_patches) if config.model_type == "siglip2" else vision.image_size
    return {"family": "siglip", "vision": shape | {"image_size": side}, "projection": None}


def tower_weights(model: Any) -> dict[str, Tensor]:
    """The weights of `model`'s image tower by the names of `TransformersTower`."""
    weights = {f"vision.{name}": weight for name, weight in model.vision_model.state_dict().items()}
    if model.config.model_type == "clip":
        weights["projection.weight"] = model.visual_projection.weight
    if model.config.model_type == "siglip2":
        # Its linear layer over a patch's pixels, (row, column, channel), is a convolution over (channel, row, column).
        name, patch = "vision.embeddings.patch_embedding.weight", model.config.vision_config.patch_size
        weights[name] = weights[name].unflatten(1, (patch, patch, 3)).permute(0, 3, 1, 2)
    return weights
