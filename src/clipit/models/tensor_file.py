"""Tensors on disk with their provenance: safetensors, nothing to unpickle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clipit.artifacts.atomic import atomic_path
from clipit.runtime.errors import UserError

_KEY = "clipit"  # the only key of the header: safetensors writes several in no fixed order


@dataclass(frozen=True)
class StoredTensors:
    """Tensors as read (on the CPU), facts about them (`meta`), and where they come from (`provenance`)."""

    path: Path
    tensors: dict[str, Tensor]
    meta: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @property
    def lineage(self) -> Mapping[str, str]:
        return self.provenance["lineage"]


def write_tensors(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    provenance: Mapping[str, Any],
    meta: Mapping[str, Any] | None = None,
) -> None:
    """Writes `tensors` atomically; `meta` are JSON facts that belong to them all."""
    plain = {
        name: tensor.detach().to("cpu", memory_format=torch.contiguous_format).clone()
        for name, tensor in tensors.items()
    }
    note = json.dumps({"provenance": provenance, "meta": dict(meta or {})}, sort_keys=True)
    with atomic_path(path) as temporary:
        save_file(plain, temporary, metadata={_KEY: note})


def read_tensors(path: str | Path) -> StoredTensors:
    """Reads what `write_tensors` wrote.

    Raises:
        UserError: the file is missing, damaged or not clipit's.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            note = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: run snakemake to make it") from error
    except SafetensorError as error:
        raise UserError(
            f"{path} is not a readable safetensors file ({error}): delete it and run snakemake again"
        ) from error
    if note is None:
        raise UserError(f"{path} was not written by clipit (no provenance): delete it and run snakemake again")
    document = json.loads(note)
    return StoredTensors(path, tensors, document["meta"], document["provenance"])
