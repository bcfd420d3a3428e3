"""CONCH, through its authors' package `conch`, which its licence keeps out of ours."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from clipit.encoders.backbone import Backbone, build_backbone, describe_backbone
from clipit.encoders.conch_tower import tower_spec, tower_weights
from clipit.encoders.hub import CONCH, model_folder
from clipit.encoders.image_transform import ImageTransform
from clipit.encoders.retriever import pad
from clipit.encoders.weights import encoder_digest, loading, local_folder
from clipit.runtime.errors import UserError
from clipit.runtime.names import HUB

_ARCHITECTURE = "conch_ViT-B-16"
_WEIGHTS = "pytorch_model.bin"


class ConchRetriever:
    """CONCH as a `Retriever`, in evaluation mode."""

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        self._name, self._model, self._tokenizer = name, model.eval(), tokenizer
        self.d: int = model.embed_dim
        visual = model.visual
        self.transform = ImageTransform(visual.image_size[0], tuple(visual.image_mean), tuple(visual.image_std))
        self.context_length: int = model.context_length - 1  # its class token takes the last place
        self.digest = encoder_digest(model, self.transform, self.context_length)

    def to(self, device: str) -> Self:
        """Moves both towers to a torch device."""
        self._model.to(device)
        return self

    def encode_images(self, images: Tensor) -> Tensor:
        """Float (B, 3, s, s), transformed, to unit vectors float32 (B, d)."""
        encoded: Tensor = self._model.encode_image(images, proj_contrast=True, normalize=True)
        return encoded.float()

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special ones included, not truncated."""
        # The tokenizer itself: the authors' `tokenize` truncates, and calls what transformers 5 no longer has.
        ids: list[list[int]] = self._tokenizer(list(texts), add_special_tokens=True, truncation=False)["input_ids"]
        return ids

    def encode_texts(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Token ids, at most `context_length` a text, to unit vectors float32 (B, d)."""
        # One more padding holds the place of the class token, as in the authors' `tokenize`.
        ids = pad(tokens, self._tokenizer.pad_token_id, self.context_length + 1)
        encoded: Tensor = self._model.encode_text(ids.to(self._model.logit_scale.device), normalize=True)
        return encoded.float()

    def parameters(self) -> Iterator[nn.Parameter]:
        """Of both towers and what joins them."""
        return chain(self._model.visual.parameters(), self._model.text.parameters())

    def image_backbone(self) -> Backbone:
        """A copy of the image tower before its projection into the shared space, as the authors advise for probes."""
        spec = {"kind": "conch", **tower_spec(self._model.visual)}
        module = build_backbone(spec)
        module.load_state_dict(tower_weights(self._model.visual))
        return describe_backbone(module, self.transform, spec, self._name)

    def into_shared_space(self) -> nn.Linear:
        """The authors' projection for contrast, a bare matrix (d_img, d), as a layer."""
        matrix = self._model.visual.proj_contrast.detach()
        layer = nn.Linear(matrix.shape[0], matrix.shape[1], bias=False)
        layer.weight = nn.Parameter(matrix.T.clone())
        return layer

    def text_encoder(self) -> nn.Module:
        """The text tower."""
        tower: nn.Module = self._model.text
        return tower


def load_conch(name: str, marker: str | Path | None = None) -> ConchRetriever:
    """Loads CONCH: `hf-hub:MahmoodLab/conch[@revision]`, or `local-dir:folder` with its pytorch_model.bin.

    `marker`, of a model of the hub: the file that says which commit was fetched (`encoders.hub.at_commit`).

    Raises:
        UserError: the authors' package is missing, access is refused, or the weights are not CONCH's.
    """
    try:
        from conch.open_clip_custom import create_model_from_pretrained, get_tokenizer
    except ImportError as error:
        raise UserError(
            "kind: conch needs its authors' package: run "
            "`pip install --no-deps git+https://github.com/mahmoodlab/CONCH` (read its licence), "
            "and request access to the weights at https://huggingface.co/MahmoodLab/conch"
        ) from error
    folder = model_folder(name, CONCH, marker=marker) if name.startswith(HUB) else local_folder(name, _WEIGHTS)
    with loading(name):
        weights = torch.load(folder / _WEIGHTS, map_location="cpu", weights_only=True)
        model = create_model_from_pretrained(_ARCHITECTURE, str(folder / _WEIGHTS), return_transform=False)
    # The caption decoder's weights were never published: it is random, and would make the digest so.
    model.text_decoder = None
    # For the rest too, the authors' loader leaves random what a file does not hold.
    missing = model.state_dict().keys() - {key.removeprefix("module.") for key in weights.get("state_dict", weights)}
    if missing:
        raise UserError(f"{name} lacks weights of CONCH ({sorted(missing)[0]}): it is another model, or not whole")
    return ConchRetriever(name, model, get_tokenizer())
