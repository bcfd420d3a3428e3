"""A retriever trained here: an image tower and a text tower joined by linear projections into one space.

On disk a folder: `heads.safetensors` (both projections and the logit scale), `image/` (a timm `local-dir:`) and
`text/` (a `transformers` folder) where those towers were trained too or began at random, and `retriever.json`, written
last. A frozen tower is referred to by name, with the digest of its weights.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import normalize

from clipit.artifacts.atomic import atomic_path
from clipit.artifacts.tables import read_json, write_json
from clipit.encoders.backbone import Backbone, load_backbone, save_backbone, with_digest
from clipit.encoders.text_tower import TextTower, load_text_tower
from clipit.encoders.weights import encoder_digest, weight_digest
from clipit.runtime.errors import UserError
from clipit.runtime.names import LOCAL

SENTINEL = "retriever.json"
_HEADS = "heads.safetensors"
_IMAGE, _TEXT = "image", "text"


class AlignedClip(nn.Module):
    """Two towers and their projections; trains, and serves as a `Retriever`.

    Attributes:
        d: dimensions of the shared space.
        transform: of the image tower.
        context_length: of the text tower.
        logit_scale: logarithm of the inverse temperature.
    """

    def __init__(self, image: Backbone, text: TextTower, d: int) -> None:
        super().__init__()
        self.image = image
        self.d, self.transform, self.context_length = d, image.transform, text.context_length
        self.image_tower, self.text_tower = image.module, text
        self.image_projection = nn.Linear(image.d, d)
        self.text_projection = nn.Linear(text.d, d)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    @property
    def digest(self) -> str:
        """SHA-256 of the weights as they are now."""
        return encoder_digest(self, self.transform, self.context_length)

    def encode_images(self, images: Tensor) -> Tensor:
        """Float (B, 3, s, s), transformed, to unit vectors float32 (B, d)."""
        return normalize(self.image_projection(self.image_tower(images)).float(), dim=-1)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special ones included, not truncated."""
        return self.text_tower.tokenize(texts)

    def encode_texts(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Token ids, at most `context_length` a text, to unit vectors float32 (B, d)."""
        return normalize(self.text_projection(self.text_tower(tokens)).float(), dim=-1)

    def image_backbone(self) -> Backbone:
        """The image tower, before its projection."""
        return with_digest(self.image)

    def into_shared_space(self) -> nn.Linear:
        """The image tower's projection."""
        return self.image_projection

    def text_encoder(self) -> nn.Module:
        """The text tower before its projection."""
        return self.text_tower

    def heads(self) -> dict[str, Tensor]:
        """The parameters that are neither tower's."""
        towers = ("image_tower.", "text_tower.")
        return {name: tensor for name, tensor in self.state_dict().items() if not name.startswith(towers)}


def save_aligned(
    folder: str | Path,
    model: AlignedClip,
    provenance: Mapping[str, Any],
    *,
    frozen_image: str | None = None,
    frozen_image_args: Mapping[str, Any] | None = None,
    frozen_text: str | None = None,
) -> None:
    """Writes `model` in place of what is in `folder`; `retriever.json`, which declares it complete, comes last.

    `frozen_image`, a name for `load_backbone` (with `frozen_image_args`, its `model_args`), and `frozen_text`, one for
    `load_text_tower`, say where a tower came from that was not trained; it is referred to, not copied.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SENTINEL).unlink(missing_ok=True)
    if frozen_image is None:
        save_backbone(folder / _IMAGE, model.image, provenance)
    if frozen_text is None:
        model.text_tower.save(folder / _TEXT)
    heads = {name: tensor.detach().cpu().contiguous() for name, tensor in model.heads().items()}
    with atomic_path(folder / _HEADS) as temporary:
        save_file(heads, temporary, {"clipit": json.dumps(provenance, sort_keys=True)})
    description = {
        "d": model.d,
        "image": frozen_image or LOCAL + _IMAGE,
        "image_size": model.transform.size,
        "image_args": dict(frozen_image_args or {}),
        "image_digest": model.image_backbone().digest,
        "text": frozen_text or LOCAL + _TEXT,
        "text_digest": weight_digest(model.text_tower),
        "context_length": model.context_length,
    }
    write_json(folder / SENTINEL, description, provenance)


def load_aligned(folder: str | Path) -> AlignedClip:
    """Loads the retriever in `folder`, in evaluation mode on the CPU.

    Raises:
        UserError: the folder is incomplete, or one of the towers is not the one that it was trained with.
    """
    folder = Path(folder)
    description = read_json(folder / SENTINEL)
    image = load_backbone(
        _within(folder, description["image"], _IMAGE),
        image_size=description["image_size"],
        model_args=description["image_args"],
    )
    text = load_text_tower(_within(folder, description["text"], _TEXT), description["context_length"])
    _check_tower(folder, description["image"], image.digest, description["image_digest"])
    _check_tower(folder, description["text"], weight_digest(text), description["text_digest"])
    model = AlignedClip(image, text, description["d"])
    try:
        heads = load_file(folder / _HEADS)
    except OSError as error:
        raise UserError(f"{folder / _HEADS} cannot be read: delete {folder} and run snakemake again") from error
    for name, tensor in model.heads().items():
        tensor.copy_(heads[name])
    return model.eval()


def _within(folder: Path, name: str, trained_here: str) -> str:
    """A tower trained here stands in the retriever's own folder, wherever that is now."""
    return f"{LOCAL}{folder / trained_here}" if name == LOCAL + trained_here else name


def _check_tower(folder: Path, name: str, found: str, recorded: str) -> None:
    if found != recorded:
        raise UserError(
            f"{folder} was trained with other weights of {name} ({recorded[:12]}, now {found[:12]}): "
            f"restore them, or delete {folder / SENTINEL} and run snakemake again"
        )
