"""The state of a training on disk: one that was cut off is found there, and goes on."""

import contextlib
import os
import pickle
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from clipit.artifacts.atomic import atomic_path
from clipit.artifacts.provenance import json_digest
from clipit.sources.file_lock import alone

_UNREADABLE = (RuntimeError, ValueError, LookupError, EOFError, TypeError, pickle.UnpicklingError)
"""What torch raises on half a file, or one of other bytes."""


@contextlib.contextmanager
def resumable(folder: Path | None, provenance: Mapping[str, Any], *, first: bool) -> Iterator[Path | None]:
    """The file for the state of the training with this provenance; None without a folder.

    No other training with it runs while the context is open. The file is removed when the context ends well: until
    then all that was learned is in it alone. One that differs in an input, a parameter, the code, a library's version
    or the seed has another file.

    Args:
        folder: of the files of all trainings.
        provenance: of what is trained.
        first: whether this is the first of the processes that share the training; the others touch nothing.
    """
    if folder is None:
        yield None
        return
    path = folder / f"{json_digest(provenance)[:16]}.ckpt"
    if not first:
        yield path
        return
    folder.mkdir(parents=True, exist_ok=True)
    with alone(path.with_suffix(".lock"), "training the same model"):
        for left in folder.glob(f".{path.stem}.*"):  # half-written, by a process that was killed
            left.unlink()
        yield path
        path.unlink(missing_ok=True)
        _aside(path).unlink(missing_ok=True)


def steps_kept(path: Path | None) -> int | None:
    """Optimiser steps of the training whose state is kept there; None: nothing is there to go on with.

    A damaged file is set aside, which is said in one line.
    """
    if path is None or not path.exists():
        return None
    try:
        return int(torch.load(path, map_location="cpu", weights_only=True)["global_step"])
    except _UNREADABLE:
        os.replace(path, _aside(path))
        print(f"clipit: {path} is damaged and set aside: the training starts anew", file=sys.stderr)
        return None


def _aside(path: Path) -> Path:
    return path.with_suffix(".damaged")


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Writes the state of a training, in place of the last one.

    Raises:
        UserError: the disk is full, or may not be written; the last one stays.
    """
    # To a file opened here: given a path, torch does not tell what the system says of a full disk.
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        torch.save(state, file)


class WholeFiles(TorchCheckpointIO):
    """Files appear whole, and go to the disk without a copy in memory or in the system's temporary folder."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        save_state(path, checkpoint)


class KeepState(pl.Callback):
    """The whole state after every round, in place of the last one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        trainer.save_checkpoint(self.path)
