"""Writes a backbone as a folder that timm loads by the name `local-dir:FOLDER`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from clipit.artifacts.atomic import atomic_path
from clipit.artifacts.tables import write_json
from clipit.encoders.backbone import Backbone


def write_timm_folder(folder: Path, backbone: Backbone, provenance: Mapping[str, Any]) -> None:
    """Writes `model.safetensors`, then `config.json`, which declares the folder complete."""
    state = {name: tensor.cpu().contiguous() for name, tensor in sorted(backbone.module.state_dict().items())}
    with atomic_path(folder / "model.safetensors") as temporary:
        save_file(state, temporary)
    transform = backbone.transform
    config = {
        "architecture": backbone.spec["architecture"],
        "num_classes": 0,
        "model_args": backbone.spec["args"],
        "pretrained_cfg": {
            "input_size": [3, transform.size, transform.size],
            "fixed_input_size": backbone.spec["input"]["fixed_input_size"],
            "interpolation": transform.interpolation,
            "crop_pct": 1.0,
            "mean": list(transform.mean),
            "std": list(transform.std),
            "num_classes": 0,
        },
    }
    write_json(folder / "config.json", config, provenance)
