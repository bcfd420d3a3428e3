"""Patches through a torch model, on a CPU or a GPU."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from clipit.encoders.image_transform import ImageTransform
from clipit.encoders.precision import Precision, inference
from clipit.encoders.slices import image_slices
from clipit.runtime.errors import UserError

_BATCH = {"cpu": 64, "cuda": 256}


def classify(
    student: nn.Module, transform: ImageTransform, device: str, threads: int, precision: Precision
) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """A function from uint8 (n, s, s, 3) to float32 (n, C), and how many patches it is best given at a time.

    `student` maps transformed images to logits, or to something with `logits`. A GPU without room for a batch is given
    half of it at a time from then on.
    """
    place = place_of(device)
    torch.set_num_threads(threads)
    student.eval().to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    most = _BATCH[place]

    def forward(patches: Tensor) -> list[Tensor]:
        parts = []
        for part in image_slices(len(patches), transform.size, place):
            images = transform(patches[part]).contiguous(memory_format=torch.channels_last)
            said = student(images)
            parts.append(getattr(said, "logits", said).float().softmax(dim=-1).cpu())
        return parts

    def probabilities(patches: np.ndarray) -> np.ndarray:
        nonlocal most
        with inference(place, precision):
            while True:
                try:
                    parts = [
                        found
                        for start in range(0, len(patches), most)
                        for found in forward(torch.from_numpy(patches[start : start + most]).to(place))
                    ]
                    return torch.cat(parts).numpy()
                except torch.OutOfMemoryError as error:
                    if most == 1:
                        raise UserError(f"{place} has no room for one patch: use --device cpu") from error
                    torch.cuda.empty_cache()
                    most //= 2

    return probabilities, most


def place_of(device: str) -> str:
    """`cpu` or `cuda`; `auto` is a GPU where torch finds one.

    Raises:
        UserError: `cuda` is asked for and torch finds none.
    """
    found = torch.cuda.is_available()
    if device == "cuda" and not found:
        raise UserError("device is cuda, but torch finds no GPU here: use --device cpu, or check `nvidia-smi`")
    return "cuda" if found and device != "cpu" else "cpu"
