"""What every retriever is: an image tower and a text tower into one space."""

from collections.abc import Sequence
from typing import Literal, Protocol, Self

import torch
from torch import Tensor

from clipit.encoders.backbone import Backbone
from clipit.encoders.image_transform import ImageTransform
from clipit.runtime.errors import UserError


class Retriever(Protocol):
    """A CLIP for inference, in evaluation mode.

    Attributes:
        d: dimensions of the shared space.
        transform: from stored patches to the image tower's input.
        context_length: tokens that the text tower reads at most, special ones included.
    """

    d: int
    transform: ImageTransform
    context_length: int

    @property
    def digest(self) -> str:
        """SHA-256 of its weights."""
        ...

    def to(self, device: str) -> Self:
        """Moves both towers to a torch device."""
        ...

    def encode_images(self, images: Tensor) -> Tensor:
        """Float (B, 3, s, s), transformed, to unit vectors float32 (B, d)."""
        ...

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special ones included, not truncated."""
        ...

    def encode_texts(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Token ids, at most `context_length` a text (see `truncate`), to unit vectors float32 (B, d)."""
        ...

    def image_backbone(self) -> Backbone:
        """The image tower as a backbone."""
        ...


def truncate(tokens: Sequence[int], context_length: int) -> list[int]:
    """The first `context_length` tokens, of which the last is the text's own last: its end token."""
    if len(tokens) <= context_length:
        return list(tokens)
    return [*tokens[: context_length - 1], tokens[-1]]


def pad(tokens: Sequence[Sequence[int]], value: int, length: int | None = None) -> Tensor:
    """Token ids as int64 (B, `length`), filled up with `value`; `length` None: the longest."""
    length = length or max(map(len, tokens))
    return torch.tensor([[*ids, *[value] * (length - len(ids))] for ids in tokens])


def load_retriever(kind: Literal["open_clip", "aligned"], name: str) -> Retriever:
    """Loads a retriever.

    Args:
        kind: `open_clip`, or `aligned` for one trained here.
        name: for `open_clip` a model and its weights (`ViT-B-32:openai`), `hf-hub:organisation/model` or
            `local-dir:folder`; for `aligned` its folder.

    Raises:
        UserError: it is unknown, its weights cannot be had, or a tower that it refers to has changed.
    """
    # Imported here, so that no job imports the libraries of a retriever that it does not use.
    if kind == "open_clip":
        from clipit.encoders.open_clip_retriever import load_open_clip

        return load_open_clip(name)
    if kind == "aligned":
        from clipit.encoders.aligned import load_aligned

        return load_aligned(name)
    raise UserError(f"no retriever is of kind {kind!r}: choose open_clip or aligned")
