"""How training images are varied: turned by the square's symmetries, and jittered in colour.

Everything random is drawn by numpy on the CPU beforehand, so that every device and every process sees the same images.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

AUGMENTATIONS = ("none", "flips", "dihedral", "flips_colour", "dihedral_colour")

_SYMMETRIES = {"none": 1, "flips": 4, "dihedral": 8}
# ColorJitter(0.5, 0.5, 0.5, 0.05) of the released code: the ranges of the four factors, each uniform.
_LOWEST, _HIGHEST = (0.5, 0.5, 0.5, -0.05), (1.5, 1.5, 1.5, 0.05)
_TURNS: dict[int, Callable[[Tensor], Tensor]] = {
    1: lambda images: images.flip(2),
    2: lambda images: images.flip(1),
    4: lambda images: images.transpose(1, 2),
}


class Draws(NamedTuple):
    """What is done to each of B images; on the CPU.

    Attributes:
        symmetries: int64 (B,) in 0..7: bit 0 mirrors left and right, bit 1 top and bottom, bit 2 swaps the axes.
        factors: float32 (B, 4) of brightness, contrast, saturation and hue; None: the colours stay.
        order: int64 (B, 4), the places of these factors in the order in which they are applied; None with `factors`.
    """

    symmetries: Tensor
    factors: Tensor | None = None
    order: Tensor | None = None

    def at(self, places: Tensor) -> "Draws":
        """Those of the images at `places`, int64 (n,)."""
        colour = (None if values is None else values[places] for values in (self.factors, self.order))
        return Draws(self.symmetries[places], *colour)


def draw(rng: np.random.Generator, kind: str, shape: int | tuple[int, ...]) -> Draws:
    """Draws of one of the `AUGMENTATIONS` for `shape` images: the tensors of `Draws` have `shape` in place of B.

    Raises:
        ValueError: there is no such augmentation.
    """
    if kind not in AUGMENTATIONS:
        raise ValueError(f"no augmentation {kind!r}: there are {', '.join(AUGMENTATIONS)}")
    turns, _, colour = kind.partition("_")
    shape = (shape,) if isinstance(shape, int) else shape
    symmetries = torch.from_numpy(rng.integers(_SYMMETRIES[turns], size=shape))
    if not colour:
        return Draws(symmetries)
    factors = rng.uniform(_LOWEST, _HIGHEST, size=(*shape, 4)).astype(np.float32)
    order = rng.permuted(np.broadcast_to(np.arange(4), (*shape, 4)), axis=-1)
    return Draws(symmetries, torch.from_numpy(factors), torch.from_numpy(order))


def join(draws: Sequence[Draws]) -> Draws:
    """The draws, all of one augmentation, one after another."""
    symmetries, *colour = zip(*draws, strict=True)
    return Draws(torch.cat(symmetries), *(None if parts[0] is None else torch.cat(parts) for parts in colour))


def augment(images: Tensor, draws: Draws) -> Tensor:
    """The images turned and coloured as drawn, on the device that they are on: uint8 (B, H, W, 3), as they came."""
    images = turn(images, draws.symmetries)
    if draws.factors is None or draws.order is None:
        return images
    planes = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format) / 255
    planes = jitter(planes, draws.factors, draws.order)
    return (planes * 255).round_().to(torch.uint8).permute(0, 2, 3, 1)


def turn(images: Tensor, symmetries: Tensor) -> Tensor:
    """Applies one of the square's eight symmetries to each image; 0 leaves it as it is.

    Args:
        images: (B, H, W, 3), any dtype; square where the axes are swapped.
        symmetries: int64 (B,), as in `Draws`.
    """
    for bit, turned in _TURNS.items():
        chosen = (symmetries & bit).bool()
        if chosen.any():
            images = torch.where(chosen.to(images.device)[:, None, None, None], turned(images), images)
    return images


def jitter(images: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Changes brightness, contrast, saturation and hue of each image by its own factors in its own order.

    The four operations are those of `torchvision.transforms.ColorJitter` on float images.

    Args:
        images: float32 (B, 3, H, W) in [0, 1]; overwritten.
        factors: float32 (B, 4), as in `Draws`.
        order: int64 (B, 4), as in `Draws`.
    """
    # Which images meet which operation is worked out on the CPU, where the draws are: no GPU has to be waited for.
    counts = (order[..., None] == torch.arange(4)).sum(dim=0).tolist()
    grouped = order.argsort(dim=0).to(images.device)
    factors = factors.to(images.device)[..., None, None, None]
    for rows, sizes in zip(grouped.T, counts, strict=True):
        for some, operation, factor in zip(rows.split(sizes), _OPERATIONS, factors.unbind(dim=1), strict=True):
            images[some] = operation(images[some], factor[some])
    return images


# No matrix product below: autocast, under which students are trained, would round it.


def _grey(images: Tensor) -> Tensor:
    red, green, blue = images.split(1, dim=1)
    return 0.2989 * red + 0.587 * green + 0.114 * blue


def _blend(other: Tensor, images: Tensor, factor: Tensor) -> Tensor:
    return torch.lerp(other, images, factor).clamp_(0, 1)


def _brightness(images: Tensor, factor: Tensor) -> Tensor:
    return (images * factor).clamp_(0, 1)


def _contrast(images: Tensor, factor: Tensor) -> Tensor:
    return _blend(_grey(images).mean(dim=(2, 3), keepdim=True), images, factor)


def _saturation(images: Tensor, factor: Tensor) -> Tensor:
    return _blend(_grey(images), images, factor)


def _hue(images: Tensor, factor: Tensor) -> Tensor:
    """Turns the hue by `factor` of a circle: RGB to HSV and back, without the S and V that stay.

    The hue is an angle in sixths of the circle (0 red, 2 green, 4 blue). From it, a channel is the least one plus the
    range of channels (chroma) times 1 up to a sixth from its own angle, 0 beyond two sixths, linear between.
    """
    red, green, blue = images.unbind(dim=1)
    least, largest = images.amin(dim=1), images.amax(dim=1)
    chroma = largest - least
    divisor = chroma.clamp_min(torch.finfo(chroma.dtype).tiny)  # grey has no hue: its numerators are 0
    of_green, of_blue = 2 + (blue - red) / divisor, 4 + (red - green) / divisor
    angle = torch.where(largest == red, (green - blue) / divisor, torch.where(largest == green, of_green, of_blue))
    angle = (angle + 6 * factor[:, 0]).remainder_(6)
    weights = (angle - 3).abs() - 1, 2 - (angle - 2).abs(), 2 - (angle - 4).abs()
    return torch.stack([least + chroma * weight.clamp_(0, 1) for weight in weights], dim=1)


_OPERATIONS = (_brightness, _contrast, _saturation, _hue)
"""In the order of `Draws.factors`."""
