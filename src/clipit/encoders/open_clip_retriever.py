"""Retrievers that open_clip loads: its own models, those of the hub, and folders."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import open_clip
from torch import Tensor, nn
from torch.nn.functional import normalize

from clipit.encoders.backbone import Backbone, build_backbone, describe_backbone
from clipit.encoders.image_transform import ImageTransform
from clipit.encoders.open_clip_tokens import OpenClipTokens
from clipit.encoders.weights import HUB, LOCAL, loading, local_folder, nearest, weight_digest
from clipit.runtime.errors import UserError


class OpenClipRetriever:
    """An open_clip model as a `Retriever`, in evaluation mode.

    `image_spec` describes the image tower to `build_backbone`.
    """

    def __init__(self, name: str, model: nn.Module, tokens: OpenClipTokens, image_spec: Mapping[str, Any]) -> None:
        self._name, self._tokens, self._image_spec = name, tokens, image_spec
        self._model: Any = model.eval()
        self.d: int = image_spec["embed_dim"]
        config = open_clip.get_model_preprocess_cfg(model)
        size = config["size"]
        self.transform = ImageTransform.from_config(config, size if isinstance(size, int) else size[0])
        self.context_length = tokens.context_length
        self.digest = weight_digest(model)

    def to(self, device: str) -> Self:
        """Moves both towers to a torch device."""
        self._model.to(device)
        return self

    def encode_images(self, images: Tensor) -> Tensor:
        """Float (B, 3, s, s), transformed, to unit vectors float32 (B, d)."""
        return normalize(self._model.encode_image(images).float(), dim=-1)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special ones included, not truncated."""
        return self._tokens.tokenize(texts)

    def encode_texts(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Token ids, at most `context_length` a text, to unit vectors float32 (B, d)."""
        ids = self._tokens.batch(tokens).to(self._model.logit_scale.device)
        return normalize(self._model.encode_text(ids).float(), dim=-1)

    def image_backbone(self) -> Backbone:
        """A copy of the image tower, its projection into the shared space included."""
        module = build_backbone(self._image_spec)
        module.load_state_dict(self._model.visual.state_dict())
        return describe_backbone(module, self.transform, self._image_spec, self._name)


def load_open_clip(name: str) -> OpenClipRetriever:
    """Loads a pretrained open_clip model.

    Args:
        name: a model and the tag of its weights (`ViT-B-32:laion2b_s34b_b79k`), `hf-hub:organisation/model` or
            `local-dir:folder` (open_clip_config.json and weights).

    Raises:
        UserError: the name or tag is unknown, or the weights cannot be had.
    """
    if name.startswith((LOCAL, HUB)):
        if name.startswith(LOCAL):
            local_folder(name, "open_clip_config.json")
        model_name, tag, tag_config = name, None, {}
    else:
        model_name, _, tag = name.partition(":")
        _check_name(model_name, tag)
        tag_config = open_clip.get_pretrained_cfg(model_name, tag)
    with loading(name):
        # A tag's weights want the activation that they were trained with, whatever the architecture's default.
        quick_gelu = bool(tag_config.get("quick_gelu", False))
        model = open_clip.create_model(model_name, tag, force_quick_gelu=quick_gelu, require_pretrained=True)
        tokens = OpenClipTokens(open_clip.get_tokenizer(model_name))
        config = open_clip.get_model_config(model_name)
    image_spec = {
        "kind": "open_clip",
        "embed_dim": config["embed_dim"],
        "vision_cfg": {**config["vision_cfg"], "timm_model_pretrained": False, "output_tokens": False},
        "quick_gelu": quick_gelu or config.get("quick_gelu", False),
    }
    return OpenClipRetriever(name, model, tokens, image_spec)


def _check_name(model_name: str, tag: str) -> None:
    if model_name not in open_clip.list_models():
        raise UserError(f"open_clip has no model {model_name!r}{nearest(model_name, open_clip.list_models())}")
    if not open_clip.is_pretrained_cfg(model_name, tag):
        tags = open_clip.list_pretrained_tags_by_model(model_name)
        named = (
            f"one of {', '.join(f'{model_name}:{known}' for known in tags)}" if tags else "another model: it has none"
        )
        raise UserError(f"open_clip needs to know which weights of {model_name!r} to load: name {named}")
