"""A trained student in the forms that other tools take."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clipit.artifacts.atomic import atomic_path, write_text
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import file_digest
from clipit.artifacts.tables import write_json
from clipit.models.student_file import DESCRIPTION, WEIGHTS, ExportedStudent, load_student
from clipit.models.tensor_file import write_tensors
from clipit.models.timm_student import ARCHITECTURE
from clipit.prediction.model import load_model
from clipit.prediction.model_card import model_card
from clipit.prediction.onnx_file import INPUT, KEY, OUTPUT
from clipit.prediction.torchscript_file import EXTRA
from clipit.runtime.errors import UserError

TOLERANCE = 1e-4
"""By how much an exported file's probabilities may differ from the student's."""

_CHECKED = 16


@dataclass(frozen=True)
class Export:
    """What was written, and the largest difference of a probability from the student's, with how it was measured."""

    files: Sequence[Path]
    difference: float
    checked_on: str


def export_student(
    run: Path,
    to: str,
    out: Path,
    *,
    metrics: Mapping[str, Any] | None = None,
    sources: Sequence[Mapping[str, Any]] = (),
    synthetic: bool = False,
    store: Path | None = None,
) -> Export:
    """Writes the student of `run` into the folder `out`, with a model card, and checks that it says the same.

    Args:
        run: its folder.
        to: one of `FORMATS`.
        out: the folder.
        metrics: the content of the run's metrics.json.
        sources: what it was trained with: {"role", "name", "licence", "restriction", "citation", "synthetic"}.
        synthetic: it was trained on the phantom, which the card then says first.
        store: a patch store, whose first patches are compared beside random ones.

    Raises:
        UserError: `run` has no student, or what was written says something else.
    """
    loaded = load_student(run)
    files = FORMATS[to](loaded, out)
    card = out / "README.md"
    write_text(card, model_card(loaded.description, to, metrics, sources, synthetic=synthetic))
    patches, checked_on = _patches(loaded, store)
    difference = float(np.abs(_said(run, patches) - _said(files[0], patches)).max())
    if difference > TOLERANCE:
        raise UserError(
            f"{files[0]} differs from the student by {difference:.2g} in a probability (at most {TOLERANCE:g} is "
            f"allowed): this form does not suit its architecture; choose another of {', '.join(FORMATS)}"
        )
    return Export([*files, card], difference, checked_on)


def _said(model: Path, patches: np.ndarray) -> np.ndarray:
    return load_model(model, device="cpu").probabilities(patches)


def _patches(loaded: ExportedStudent, store: Path | None) -> tuple[np.ndarray, str]:
    """Random patches, and the first of the store, resized to none: stores have the size that was trained on."""
    size = (loaded.description.get("patches") or {}).get("size") or loaded.transform.size
    random = np.random.default_rng(0).integers(0, 256, (_CHECKED, size, size, 3), np.uint8)
    if store is None:
        return random, f"{_CHECKED} random patches"
    opened = PatchStore(store)
    real = opened.batch(np.arange(min(_CHECKED, len(opened))))
    return np.concatenate([random, real]), f"{_CHECKED} random and {len(real)} stored patches"


class _Probabilities(nn.Module):
    """Transformed images to probabilities: what is traced."""

    def __init__(self, student: nn.Module) -> None:
        super().__init__()
        self.student = student

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.student(images).logits.softmax(dim=-1)
        return found


class _Logits(_Probabilities):
    """To logits: `network.classify` takes these of any module."""

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.student(images).logits
        return found


def _safetensors(loaded: ExportedStudent, out: Path) -> list[Path]:
    provenance = loaded.description["provenance"]
    write_tensors(out / WEIGHTS, loaded.student.state_dict(), provenance)
    description = {**loaded.description, "weights_sha256": file_digest(out / WEIGHTS)}
    _write_description(out, description)
    return [out, out / WEIGHTS, out / DESCRIPTION]


def _hub_folder(loaded: ExportedStudent, out: Path) -> list[Path]:
    """timm's `config.json` and `model.safetensors`, and `student.json` beside them."""
    weights, transform, classes = out / "model.safetensors", loaded.transform, loaded.classes
    write_tensors(weights, loaded.student.state_dict(), loaded.description["provenance"])
    config = {
        "architecture": ARCHITECTURE,
        "num_classes": len(classes),
        "label_names": list(classes),
        "model_args": {"student": {name: loaded.description[name] for name in ("backbone", "head")}},
        "pretrained_cfg": {
            "input_size": [3, transform.size, transform.size],
            "fixed_input_size": True,
            "interpolation": transform.interpolation,
            "mean": list(transform.mean),
            "std": list(transform.std),
            "crop_pct": 1.0,
            "num_classes": len(classes),
            "classifier": "head",
        },
    }
    write_text(out / "config.json", json.dumps(config, indent=1, sort_keys=True) + "\n")
    described = {**loaded.description, "weights": weights.name, "weights_sha256": file_digest(weights)}
    _write_description(out, described)
    return [out, weights, out / "config.json", out / DESCRIPTION]


def _write_description(out: Path, description: Mapping[str, Any]) -> None:
    content = {name: value for name, value in description.items() if name != "provenance"}
    write_json(out / DESCRIPTION, content, description["provenance"])


def _onnx(loaded: ExportedStudent, out: Path) -> list[Path]:
    import onnx

    path, size = out / "model.onnx", loaded.transform.size
    module = _Probabilities(loaded.student).eval()
    program = torch.onnx.export(
        module,
        (torch.zeros(2, 3, size, size),),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1, max=4096)}},
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, {KEY: json.dumps(loaded.description, sort_keys=True)})
    with atomic_path(path) as temporary:
        onnx.save(model, temporary)
    return [path]


def _torchscript(loaded: ExportedStudent, out: Path) -> list[Path]:
    path, size = out / "model.pt", loaded.transform.size
    # torch calls TorchScript deprecated, and what reads it (C++, phones, old servers) is there all the same.
    with torch.no_grad(), atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(_Logits(loaded.student).eval(), torch.zeros(2, 3, size, size))
        torch.jit.save(traced, str(temporary), {EXTRA: json.dumps(loaded.description, sort_keys=True)})
    return [path]


FORMATS: dict[str, Callable[[ExportedStudent, Path], list[Path]]] = {
    "onnx": _onnx,
    "safetensors": _safetensors,
    "torchscript": _torchscript,
    "hub-folder": _hub_folder,
}
"""What writes each form; the first of its files is what `load_model` takes."""
