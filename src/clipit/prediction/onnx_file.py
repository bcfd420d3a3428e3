"""An exported .onnx file: onnxruntime computes, no torch model is built."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from clipit.encoders.image_transform import ImageTransform
from clipit.encoders.slices import image_slices
from clipit.runtime.errors import UserError

KEY = "clipit"
"""Of the entry in the file's metadata that holds its description, JSON."""

INPUT, OUTPUT = "images", "probabilities"

_BATCH = 64


def open_onnx(
    path: Path, device: str, threads: int
) -> tuple[Mapping[str, Any], Callable[[np.ndarray], np.ndarray], int]:
    """(description, function from uint8 (n, s, s, 3) to float32 (n, C), patches at a time).

    Raises:
        UserError: it is not of clipit's, or `cuda` is asked for and this onnxruntime has none.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise UserError("this onnxruntime has no CUDA: use --device cpu, or install onnxruntime-gpu")
    providers = ["CUDAExecutionProvider"] * (has_cuda and device != "cpu") + ["CPUExecutionProvider"]
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        description = json.loads(session.get_modelmeta().custom_metadata_map[KEY])
    except KeyError as error:
        raise UserError(f"{path} does not say its classes and transform: export it with `clipit export`") from error
    except Exception as error:  # onnxruntime's errors have no common class but this
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"{path} is not a readable ONNX file ({said}): export it again") from error
    transform = ImageTransform.from_dict(description["transform"])

    def probabilities(patches: np.ndarray) -> np.ndarray:
        parts = []
        for part in image_slices(len(patches), transform.size, "cpu"):
            images = transform(torch.from_numpy(patches[part])).numpy()
            parts.append(session.run([OUTPUT], {INPUT: images})[0])
        return np.concatenate(parts)

    return description, probabilities, _BATCH
