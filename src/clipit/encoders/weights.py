"""Where a tower's weights come from, and what they are."""

import hashlib
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from clipit.artifacts.provenance import json_digest
from clipit.encoders.image_transform import ImageTransform
from clipit.runtime.errors import UserError, causes
from clipit.runtime.hub import HubRepo, trouble
from clipit.runtime.names import HUB, LOCAL

_ELSEWHERE = f"or fetch the model elsewhere and name it {LOCAL}FOLDER"


def weight_digest(module: nn.Module) -> str:
    """SHA-256 over the sorted names, types, shapes and bytes of a module's parameters and buffers, hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def encoder_digest(module: nn.Module, transform: ImageTransform, context_length: int | None = None) -> str:
    """A digest of all that an encoder's outputs depend on: weights, how images become its input, tokens it reads."""
    return json_digest([weight_digest(module), transform.to_dict(), context_length])


def local_folder(name: str, *needed: str) -> Path:
    """The folder of a `local-dir:` name; a relative one is relative to the working directory, as all paths of a run.

    Raises:
        UserError: it does not exist, or lacks one of the files `needed`.
    """
    folder = Path(name.removeprefix(LOCAL))
    if not folder.is_dir():
        raise UserError(f"{name}: there is no folder {folder.resolve()}: check the path in the configuration")
    for file in needed:
        if not (folder / file).is_file():
            raise UserError(f"{name}: {folder.resolve()} has no {file}: it is not a model of this kind")
    return folder


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Turns a failure to load the model `name` into one line; what the hub's libraries say is never repeated.

    Raises:
        UserError: the weights cannot be had, do not fit the model, or hold code.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError, AssertionError, TypeError, KeyError, pickle.UnpicklingError) as error:
        if any(isinstance(cause, pickle.UnpicklingError) for cause in causes(error)):
            raise UserError(f"{name}: its weights are a pickle with more than tensors: ask for safetensors") from error
        # A name of timm or open_clip: their own download from the hub.
        found = None if name.startswith((LOCAL, HUB)) else trouble(error, HubRepo(name), instead=_ELSEWHERE)
        if found and (found.kind != "broken" or isinstance(error, OSError)):
            raise UserError(f"{found.what}: {found.remedy}") from None
        raise UserError(f"{name} cannot be loaded ({_first_line(error)})") from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
