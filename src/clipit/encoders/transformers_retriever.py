"""Retrievers that `transformers` loads: CLIP (PLIP is one), SigLIP and SigLIP 2, of the hub or in a folder."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoTokenizer
from transformers.image_utils import PILImageResampling

from clipit.encoders.backbone import Backbone, build_backbone, describe_backbone
from clipit.encoders.hub import TRANSFORMERS, model_folder
from clipit.encoders.image_transform import ImageTransform
from clipit.encoders.quiet import quiet
from clipit.encoders.retriever import pad
from clipit.encoders.transformers_tower import tower_spec, tower_weights
from clipit.encoders.weights import encoder_digest, loading, local_folder
from clipit.runtime.errors import UserError
from clipit.runtime.names import HUB

_KINDS = ("clip", "siglip", "siglip2")


class TransformersRetriever:
    """A CLIP or SigLIP model of `transformers` as a `Retriever`, in evaluation mode."""

    def __init__(self, name: str, model: Any, tokenizer: Any, processor: Any) -> None:
        self._name, self._model, self._tokenizer = name, model.eval(), tokenizer
        self._is_clip = model.config.model_type == "clip"
        longest = model.config.text_config.max_position_embeddings
        self.context_length: int = min(tokenizer.model_max_length, longest)
        self._spec = {"kind": "transformers", **tower_spec(model.config)}
        self.transform = _transform(name, processor, self._spec["vision"]["image_size"])
        self.digest = encoder_digest(model, self.transform, self.context_length)
        backbone = self._backbone(tower_weights(model))
        self.d, self._image_tower = backbone.d, backbone.module
        model.vision_model = None
        model.visual_projection = None  # which the image tower has a copy of

    def to(self, device: str) -> Self:
        """Moves both towers to a torch device."""
        self._image_tower.to(device)
        self._model.to(device)
        return self

    def encode_images(self, images: Tensor) -> Tensor:
        """Float (B, 3, s, s), transformed, to unit vectors float32 (B, d)."""
        return normalize(self._image_tower(images).float(), dim=-1)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special ones included, not truncated."""
        # SigLIPs were trained on lower-case text, and not every tokenizer of theirs sees to it.
        cased = list(texts) if self._is_clip else [text.lower() for text in texts]
        ids: list[list[int]] = self._tokenizer(cased, truncation=False, verbose=False)["input_ids"]
        return ids

    def encode_texts(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Token ids, at most `context_length` a text, to unit vectors float32 (B, d)."""
        # A SigLIP was trained on padding, unmasked, up to its full length: it pools the last place.
        length = None if self._is_clip else self.context_length
        inputs = {"input_ids": pad(tokens, self._tokenizer.pad_token_id, length)}
        if self._is_clip:
            inputs["attention_mask"] = pad([[1] * len(text) for text in tokens], 0)
        device = self._model.logit_scale.device
        encoded = self._model.get_text_features(**{name: values.to(device) for name, values in inputs.items()})
        return normalize(encoded.pooler_output.float(), dim=-1)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Of both towers and what joins them."""
        return chain(self._image_tower.parameters(), self._model.parameters())

    def image_backbone(self) -> Backbone:
        """A copy of the image tower, its projection into the shared space included."""
        return self._backbone(self._image_tower.state_dict())

    def into_shared_space(self) -> None:
        """The image tower ends there."""

    def text_encoder(self) -> nn.Module:
        """The text tower before its projection."""
        tower: nn.Module = self._model.text_model
        return tower

    def _backbone(self, weights: dict[str, Tensor]) -> Backbone:
        module = build_backbone(self._spec)
        module.load_state_dict(weights)
        return describe_backbone(module, self.transform, self._spec, self._name)


def load_transformers(name: str, marker: str | Path | None = None) -> TransformersRetriever:
    """Loads a CLIPModel, SiglipModel or Siglip2Model; the network is used only for what the hub's cache lacks.

    Args:
        name: `hf-hub:organisation/model[@revision]` or `local-dir:folder`, as `save_pretrained` of the model and its
            processor fills it.
        marker: of a model of the hub: the file that says which commit was fetched (`encoders.hub.at_commit`).

    Raises:
        UserError: the weights cannot be had or are not whole, or the model is of another kind.
    """
    hub = name.startswith(HUB)
    folder = model_folder(name, TRANSFORMERS, marker=marker) if hub else local_folder(name, "config.json")
    with loading(name), quiet():
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        if config.model_type not in _KINDS:
            raise UserError(f"{name} is a {config.model_type} model: kind: transformers loads {', '.join(_KINDS)}")
        model, loaded = AutoModel.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, weights_only=True, output_loading_info=True
        )
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        tokenizer = _tokenizer(name, folder)
    # What a file does not hold, the library leaves random.
    if loaded["missing_keys"]:
        raise UserError(f"{name} lacks weights ({min(loaded['missing_keys'])}): it is another model, or not whole")
    return TransformersRetriever(name, model, tokenizer, processor)


def _tokenizer(name: str, folder: Path) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except ImportError as error:
        raise UserError(
            f"{name}: its tokenizer needs two packages: run `pip install sentencepiece protobuf`"
        ) from error
    if tokenizer.pad_token_id is None:
        raise UserError(f"{name}: its tokenizer has no padding token: name one in its tokenizer_config.json")
    return tokenizer


def _transform(name: str, processor: Any, size: int) -> ImageTransform:
    """What the model's own `processor` does to a square patch, but for a crop, up to the tower's input of `size`."""
    box = processor.crop_size if processor.do_center_crop else processor.size
    side = size if box is None else box.height or box.shortest_edge or box.longest_edge
    if side != size:
        raise UserError(f"{name}: its preprocessor makes images of {side} px, but its image tower takes {size} px")
    bilinear = processor.resample == PILImageResampling.BILINEAR
    mean, std = (processor.image_mean, processor.image_std) if processor.do_normalize else ((0, 0, 0), (1, 1, 1))
    return ImageTransform(size, tuple(mean), tuple(std), "bilinear" if bilinear else "bicubic")
