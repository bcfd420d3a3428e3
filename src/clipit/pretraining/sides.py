"""The two sides of a retriever in training: rows of the training set to unit vectors.

A frozen tower's features are computed once; a trained tower runs, on images in new views.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from clipit.encoders.aligned import AlignedClip
from clipit.encoders.retriever import truncate
from clipit.models.stored_images import StoredImages
from clipit.pretraining.augment import Augmentation
from clipit.pretraining.optimise import autocast

_CHUNK = 256  # images or captions embedded at once
_VIEWS = Augmentation(min_area=0.7, stain=0.1)


class ImageSide:
    """Image embeddings, float32 (rows, d), of the images `pixels`; `trained` says whether the tower trains."""

    def __init__(
        self, model: AlignedClip, pixels: StoredImages, generator: torch.Generator, *, trained: bool, device: str
    ) -> None:
        self._model, self._pixels, self._generator, self._device = model, pixels, generator, device
        self.trained = trained
        model.image_tower.requires_grad_(trained)
        self._features = None if trained else _computed_once(self._tower, len(pixels))

    def __call__(self, rows: Tensor) -> Tensor:
        features = self._tower(rows) if self._features is None else self._features[rows.to(self._device)]
        return normalize(self._model.image_projection(features), dim=1)

    def _tower(self, rows: Tensor) -> Tensor:
        tower, images = self._model.image_tower, self._pixels[rows].to(self._device)
        if tower.training:
            images = _VIEWS(images, self._generator)
        inputs = self._model.transform(images).contiguous(memory_format=torch.channels_last)
        with autocast(self._device):
            features: Tensor = tower(inputs)
        return features.float()


class TextSide:
    """Caption embeddings, float32 (rows, d). `lengths`: tokens of each caption that the tower reads, int64 (N,)."""

    def __init__(self, model: AlignedClip, captions: Sequence[str], *, trained: bool, device: str) -> None:
        self._model, self._device = model, device
        self._tokens = [truncate(ids, model.context_length) for ids in model.tokenize(captions)]
        self.lengths = torch.tensor([len(ids) for ids in self._tokens])
        self.trained = trained
        model.text_tower.requires_grad_(trained)
        self._features = None if trained else _computed_once(self._tower, len(captions))

    def __call__(self, rows: Tensor) -> Tensor:
        features = self._tower(rows) if self._features is None else self._features[rows.to(self._device)]
        return normalize(self._model.text_projection(features), dim=1)

    def _tower(self, rows: Tensor) -> Tensor:
        with autocast(self._device):
            features: Tensor = self._model.text_tower([self._tokens[row] for row in rows.tolist()])
        return features.float()


def _computed_once(tower: Callable[[Tensor], Tensor], n: int) -> Tensor:
    with torch.no_grad():
        return torch.cat([tower(rows) for rows in torch.arange(n).split(_CHUNK)])
