"""A trained model, ready to classify patches: of a run, exported, or on the hub.

from clipit.prediction.model import load_model

model = load_model("results/runs/my_images/uni/clipit/1a2b3c4d/seed0")
model.probabilities(patches)                      # uint8 (n, s, s, 3) -> float32 (n, C)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clipit.encoders.image_transform import ImageTransform
from clipit.models.student_file import DESCRIPTION, load_student
from clipit.runtime.cores import usable_cores
from clipit.runtime.errors import UserError
from clipit.runtime.names import HUB

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Model:
    """A classifier of square patches.

    Attributes:
        classes: class names, in the order of the probabilities.
        probabilities: uint8 (n, s, s, 3), RGB, of any side s, to float32 (n, C); each row sums to 1.
        patch_size: side in pixels of the patches that it was trained on.
        patch_mpp: their microns per pixel, None where unknown or of several kinds.
        batch: patches that are best given at a time.
        name: where it came from, for people.
    """

    classes: tuple[str, ...]
    probabilities: Callable[[np.ndarray], np.ndarray]
    patch_size: int
    patch_mpp: float | None
    batch: int
    name: str


def load_model(
    name: str | Path, *, device: str = "auto", threads: int | None = None, precision: Precision = "fp32"
) -> Model:
    """The model `name`: a run's or an exported folder, an .onnx or .pt (TorchScript) file, or hf-hub:owner/model.

    Args:
        name: see above.
        device: `cpu`, `cuda` or `auto`, a GPU where there is one.
        threads: that compute on the CPU; None: one for each core that this process may use.
        precision: `bf16` is faster where the device multiplies it, and changes probabilities in the third decimal.

    Raises:
        UserError: there is no model of clipit's, or it cannot be had.
    """
    threads = threads or usable_cores()
    path = _folder_of_hub(str(name)) if str(name).startswith(HUB) else Path(name)
    for exported in ("model.onnx", "model.pt"):
        if not (path / DESCRIPTION).is_file() and (path / exported).is_file():
            path = path / exported
    if path.suffix == ".onnx" and path.is_file():
        from clipit.prediction.onnx_file import open_onnx

        return _model(str(name), *open_onnx(path, device, threads))
    if path.suffix == ".pt" and path.is_file():
        from clipit.prediction.torchscript_file import open_torchscript

        return _model(str(name), *open_torchscript(path, device, threads, precision))
    if not (path / DESCRIPTION).is_file():
        raise UserError(
            f"{name} is no model of clipit's: name a run's folder (with {DESCRIPTION}), one that `clipit export` made, "
            "an .onnx or .pt file of its, or hf-hub:owner/model"
        )
    from clipit.prediction.network import classify

    loaded = load_student(path)
    probabilities, batch = classify(loaded.student, loaded.transform, device, threads, precision)
    return _model(str(name), loaded.description, probabilities, batch)


def _model(name: str, description: Mapping[str, Any], probabilities: Callable[..., np.ndarray], batch: int) -> Model:
    patches = description.get("patches") or {}
    size = patches.get("size") or ImageTransform.from_dict(description["transform"]).size
    return Model(tuple(description["classes"]), probabilities, size, patches.get("mpp"), batch, name)


def _folder_of_hub(name: str) -> Path:
    from clipit.encoders.hub import CLIPIT, model_folder

    return Path(model_folder(name, CLIPIT))
