"""What every retriever is: an image tower and a text tower into one space (docs/retrievers.md)."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from clipit.encoders.backbone import Backbone
from clipit.encoders.image_transform import ImageTransform
from clipit.encoders.retriever_kinds import LOADERS
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
        """Of its weights, its transform and its context length."""
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

    def parameters(self) -> Iterator[nn.Parameter]:
        """Of both towers and what joins them."""
        ...

    def image_backbone(self) -> Backbone:
        """The image tower as a backbone."""
        ...

    def into_shared_space(self) -> nn.Linear | None:
        """From that backbone's features (d_img) into the shared space (d); None: they lie there."""
        ...

    def text_encoder(self) -> nn.Module:
        """The part of the text tower that adapters go on; changed in place, it changes `encode_texts`."""
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


def load_retriever(kind: str, name: str, marker: str | Path | None = None) -> Retriever:
    """Loads a retriever.

    Args:
        kind: one of `LOADERS`: `open_clip`, `transformers`, `conch`, or `aligned` for one trained here.
        name: a model of the hub, `hf-hub:organisation/model[@revision]`, or a folder, `local-dir:folder`; for
            `open_clip` also a model and its weights (`ViT-B-32:openai`); for `aligned` its folder.
        marker: of a model of the hub: the file that says which commits were fetched (`encoders.hub.at_commit`).

    Raises:
        UserError: it is unknown, its weights cannot be had, or a tower that it refers to has changed.
    """
    if kind not in LOADERS:
        raise UserError(f"no retriever is of kind {kind!r}: choose {', '.join(sorted(LOADERS))}")
    module, _, function = LOADERS[kind].partition(":")
    load = getattr(import_module(module), function)
    retriever: Retriever = load(name) if marker is None else load(name, marker)
    return retriever
