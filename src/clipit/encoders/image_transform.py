"""From stored patches to a tower's input."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor
from torch.nn.functional import interpolate

Interpolation = Literal["bicubic", "bilinear"]


@dataclass(frozen=True)
class ImageTransform:
    """Resizes square patches, scales them to [0, 1] and normalises them, a batch at a time on any device.

    Nothing is cropped: tiling has already cut the field of view that a patch is meant to show.

    Attributes:
        size: side of the output, pixels.
        mean: of each channel, in [0, 1].
        std: of each channel, in [0, 1].
        interpolation: of the resize, antialiased.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bicubic"

    def __call__(self, images: Tensor) -> Tensor:
        """Uint8 (B, H, W, 3) to float32 (B, 3, size, size)."""
        pixels = images.permute(0, 3, 1, 2).to(torch.float32)
        if pixels.shape[-2:] != (self.size, self.size):
            resized = interpolate(pixels, (self.size, self.size), mode=self.interpolation, antialias=True)
            pixels = resized.clamp(0, 255)  # bicubic overshoots at edges
        mean, std = (pixels.new_tensor(values).view(3, 1, 1) * 255 for values in (self.mean, self.std))
        return (pixels - mean) / std

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From what `to_dict` gave."""
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})

    @classmethod
    def from_config(cls, config: Mapping[str, Any], size: int) -> Self:
        """From a model's own preprocessing, as timm and open_clip describe it; what a square needs of it is used."""
        interpolation: Interpolation = "bilinear" if config["interpolation"] == "bilinear" else "bicubic"
        return cls(size, tuple(config["mean"]), tuple(config["std"]), interpolation)
