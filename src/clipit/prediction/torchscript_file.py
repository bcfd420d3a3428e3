"""An exported .pt file: TorchScript, which runs without this library and without Python."""

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clipit.encoders.image_transform import ImageTransform
from clipit.encoders.precision import Precision
from clipit.prediction.network import classify
from clipit.runtime.errors import UserError

EXTRA = "clipit.json"
"""Of the extra file in the archive that holds its description."""


def open_torchscript(
    path: Path, device: str, threads: int, precision: Precision
) -> tuple[Mapping[str, Any], Callable[[np.ndarray], np.ndarray], int]:
    """(description, function from uint8 (n, s, s, 3) to float32 (n, C), patches at a time).

    TorchScript is code: a file from elsewhere can do what its author likes, as little as that is.

    Raises:
        UserError: it is not of clipit's.
    """
    extra = {EXTRA: ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
    except RuntimeError as error:
        said = next(iter(str(error).splitlines()), "")
        raise UserError(f"{path} is not a readable TorchScript file ({said}): export it again") from error
    if not extra[EXTRA]:
        raise UserError(f"{path} does not say its classes and transform: export it with `clipit export`")
    description = json.loads(extra[EXTRA])
    transform = ImageTransform.from_dict(description["transform"])
    return description, *classify(module, transform, device, threads, precision)
