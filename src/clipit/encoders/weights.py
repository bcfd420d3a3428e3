"""Where a tower's weights come from, and what they are."""

import difflib
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from clipit.runtime.errors import UserError

LOCAL = "local-dir:"
HUB = "hf-hub:"


def weight_digest(module: nn.Module) -> str:
    """SHA-256 over the sorted names, types, shapes and bytes of a module's parameters and buffers, hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


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


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown `name`: its nearest matches."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Turns a failure to load the model `name` into one line; what the hub's libraries say is never repeated.

    Raises:
        UserError: access is refused, the hub cannot be reached, or the weights do not fit the model.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError, AssertionError, TypeError, KeyError) as error:
        causes = list(_causes(error))
        if name.startswith(LOCAL):
            raise UserError(f"{name} cannot be loaded ({_first_line(error)})") from error
        if any(_refused(cause) for cause in causes):
            page = f" at https://huggingface.co/{name.removeprefix(HUB)}" if name.startswith(HUB) else ""
            raise UserError(
                f"{name}: the hub refuses access or has no such model: request access{page}, then set HF_TOKEN"
            ) from error
        if any(isinstance(cause, OSError) for cause in causes):
            raise UserError(
                f"{name}: the hub cannot be reached: connect, or fetch the model elsewhere and name it {LOCAL}FOLDER"
            ) from error
        raise UserError(f"{name} cannot be loaded ({_first_line(error)})") from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _refused(error: BaseException) -> bool:
    """Whether a server answered 401, 403 or 404 (both of the libraries in use keep the answer on the exception)."""
    answer = getattr(error, "response", error)
    return getattr(answer, "status_code", None) in (401, 403, 404) or getattr(answer, "code", None) in (401, 403, 404)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
