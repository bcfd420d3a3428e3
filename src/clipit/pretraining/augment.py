"""Random views of histology patches as batched tensor operations, on any device."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_LN255 = math.log(255)


@dataclass(frozen=True)
class Augmentation:
    """Crop, flip, quarter turns and a change of stain.

    Attributes:
        min_area: a view shows a square of at least this share of the patch, and at most all of it.
        stain: standard deviation of the log gain on the optical density of each channel, and of half its shift.
        scale: side of a view as a share of the patch's; smaller views are cheaper.
    """

    min_area: float
    stain: float
    scale: float = 1.0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """A view of each image: float32 (B, v, v, 3) in 0..255 from uint8 (B, s, s, 3), v = `scale` s.

        `generator` lives on the CPU, so that a seed means the same views on every device.
        """
        n, size = images.shape[:2]
        views = functional.grid_sample(
            images.permute(0, 3, 1, 2).float(),
            self._grid(n, round(self.scale * size), generator).to(images.device),
            padding_mode="reflection",
            align_corners=False,
        )
        gain, shift = (self.stain * torch.randn((2, n, 3, 1, 1), generator=generator)).to(images.device)
        density = _LN255 - torch.log(views.clamp(1, 255))
        return torch.exp(_LN255 - gain.exp() * density - shift / 2).clamp(max=255).permute(0, 2, 3, 1)

    def _grid(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """Where each view looks: one affine map for crop, flip and turn, so that pixels are resampled once."""
        side = (self.min_area + (1 - self.min_area) * torch.rand(n, generator=generator)).sqrt()
        centre = (2 * torch.rand((n, 2, 1), generator=generator) - 1) * (1 - side)[:, None, None]
        flip = 2.0 * torch.randint(2, (n,), generator=generator) - 1
        turn = torch.randint(4, (n,), generator=generator) * (math.pi / 2)
        cos, sin = turn.cos() * side, turn.sin() * side
        linear = torch.stack([torch.stack([cos * flip, -sin], 1), torch.stack([sin * flip, cos], 1)], 1)
        return functional.affine_grid(torch.cat([linear, centre], 2), [n, 3, size, size], align_corners=False)
