"""How many images go through a tower at a time."""

from collections.abc import Iterator

import torch

_CPU_PIXELS = 16 * 224 * 224
"""Of these, a CPU's caches hold what a layer leaves for the next. Measured: a ViT-B/16 at 224 px computes 2% faster by
16 images than by 8 and 12% faster than by 64, a small ResNet at 64 px fastest by 196."""


def image_slices(n: int, size: int, device: str) -> Iterator[slice]:
    """Parts of a batch of `n` images of `size` pixels that follow each other; on anything but a CPU, all of it."""
    step = n
    if torch.device(device).type == "cpu":
        step = max(1, _CPU_PIXELS // size**2)
    return (slice(start, min(start + step, n)) for start in range(0, n, max(1, step)))
