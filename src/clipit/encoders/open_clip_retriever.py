"""Retrievers that open_clip loads: its own models, those of the hub, and folders."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import open_clip
from open_clip.tokenizer import HFTokenizer
from torch import Tensor, nn
from torch.nn.functional import normalize

from clipit.encoders.backbone import Backbone, build_backbone, describe_backbone
from clipit.encoders.hub import OPEN_CLIP, at_commit, further_repos, model_folder, text_folder
from clipit.encoders.image_transform import ImageTransform
from clipit.encoders.open_clip_tokens import OpenClipTokens
from clipit.encoders.self_attention import use_self_attention
from clipit.encoders.weights import encoder_digest, loading, local_folder
from clipit.runtime.errors import UserError
from clipit.runtime.hub import HubRepo
from clipit.runtime.names import HUB, LOCAL, nearest


class OpenClipRetriever:
    """An open_clip model as a `Retriever`, in evaluation mode.

    `image_spec` describes the image tower to `build_backbone`.
    """

    def __init__(self, name: str, model: nn.Module, tokens: OpenClipTokens, image_spec: Mapping[str, Any]) -> None:
        self._name, self._tokens, self._image_spec = name, tokens, image_spec
        self._model: Any = use_self_attention(model.eval())
        self.d: int = image_spec["embed_dim"]
        config = open_clip.get_model_preprocess_cfg(model)
        size = config["size"]
        self.transform = ImageTransform.from_config(config, size if isinstance(size, int) else size[0])
        self.context_length = tokens.context_length
        self.digest = encoder_digest(model, self.transform, self.context_length)

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

    def parameters(self) -> Iterator[nn.Parameter]:
        """Of both towers and what joins them."""
        parameters: Iterator[nn.Parameter] = self._model.parameters()
        return parameters

    def image_backbone(self) -> Backbone:
        """A copy of the image tower, its projection into the shared space included."""
        module = build_backbone(self._image_spec)
        module.load_state_dict(self._model.visual.state_dict())
        return describe_backbone(module, self.transform, self._image_spec, self._name)

    def into_shared_space(self) -> None:
        """The image tower ends there."""

    def text_encoder(self) -> nn.Module:
        """The text tower; of open_clip's oldest kind of model its transformer alone, beside the embedding."""
        tower: nn.Module = getattr(self._model, "text", None) or self._model.transformer
        return tower


def load_open_clip(name: str, marker: str | Path | None = None) -> OpenClipRetriever:
    """Loads a pretrained open_clip model.

    Args:
        name: a model and the tag of its weights (`ViT-B-32:laion2b_s34b_b79k`), `hf-hub:organisation/model[@revision]`
            or `local-dir:folder` (open_clip_config.json and weights).
        marker: of a model of the hub: the file that says which commits were fetched (`encoders.hub.at_commit`).

    Raises:
        UserError: the name or tag is unknown, or the weights cannot be had.
    """
    if name.startswith((LOCAL, HUB)):
        return _from_folder(name, marker)
    model_name, _, tag = name.partition(":")
    _check_name(model_name, tag)
    # A tag's weights want the activation that they were trained with, whatever the architecture's default.
    quick_gelu = bool(open_clip.get_pretrained_cfg(model_name, tag).get("quick_gelu", False))
    with loading(name):
        model = open_clip.create_model(model_name, tag, force_quick_gelu=quick_gelu, require_pretrained=True)
        tokenizer = open_clip.get_tokenizer(model_name)
    config = open_clip.get_model_config(model_name) | ({"quick_gelu": True} if quick_gelu else {})
    return _retriever(name, model, tokenizer, config)


def _from_folder(name: str, marker: str | Path | None) -> OpenClipRetriever:
    """A model in a folder, its own or the hub's cache; what it takes from other repositories is read from the cache."""
    if name.startswith(HUB):
        folder = model_folder(name, OPEN_CLIP, marker=marker)
    else:
        folder = local_folder(name, "open_clip_config.json")
    source = f"{LOCAL}{folder}"
    further = {
        part: text_folder(at_commit(HubRepo(other), marker), parts)
        for other, parts in further_repos(folder).items()
        for part in parts
    }
    with loading(name):
        config = open_clip.get_model_config(source)
        text = config["text_cfg"]
        if "hf_model_name" in text:
            text |= {"hf_model_name": str(further.get("tower", text["hf_model_name"])), "hf_model_pretrained": False}
        model = open_clip.create_model(source, require_pretrained=True, text_cfg=text)
        if "tokenizer" in further:
            settings = {key: text[key] for key in ("context_length", "tokenizer_mode") if key in text}
            tokenizer = HFTokenizer(str(further["tokenizer"]), **settings, **text.get("tokenizer_kwargs", {}))
        else:
            tokenizer = open_clip.get_tokenizer(source)
    return _retriever(name, model, tokenizer, config)


def _retriever(name: str, model: nn.Module, tokenizer: Any, config: Mapping[str, Any]) -> OpenClipRetriever:
    image_spec = {
        "kind": "open_clip",
        "embed_dim": config["embed_dim"],
        "vision_cfg": {**config["vision_cfg"], "timm_model_pretrained": False, "output_tokens": False},
        "quick_gelu": config.get("quick_gelu", False),
    }
    return OpenClipRetriever(name, model, OpenClipTokens(tokenizer), image_spec)


def _check_name(model_name: str, tag: str) -> None:
    if model_name not in open_clip.list_models():
        raise UserError(f"open_clip has no model {model_name!r}{nearest(model_name, open_clip.list_models(), 3)}")
    if not open_clip.is_pretrained_cfg(model_name, tag):
        tags = open_clip.list_pretrained_tags_by_model(model_name)
        named = (
            f"one of {', '.join(f'{model_name}:{known}' for known in tags)}" if tags else "another model: it has none"
        )
        raise UserError(f"open_clip needs to know which weights of {model_name!r} to load: name {named}")
