"""What a rule asks of the machine, decided without importing torch: the Snakefile is read once a job."""

import os
import shutil

from clipit.runtime.cards import visible_cards
from clipit.runtime.errors import UserError

DEVICES = ("auto", "cpu", "cuda")
SCHEDULERS = ("sbatch", "bsub", "condor_submit", "qsub")
CHOSEN = "CLIPIT_DEVICE"
"""Environment variable that tells a run's jobs what `auto` came to: on a cluster they are read on other machines."""


def resolve_device(device: str) -> str:
    """`cpu` or `cuda` for a configured device; `auto` takes a GPU where there is one.

    Raises:
        UserError: the device is unknown, or `cuda` is asked for, no GPU is visible and no cluster could have one.
    """
    if device not in DEVICES:
        raise UserError(f"device {device!r} is unknown: write one of {', '.join(DEVICES)}")
    if device == "auto":
        return os.environ.get(CHOSEN) or ("cuda" if visible_cards() else "cpu")
    if device == "cuda" and not visible_cards() and not any(map(shutil.which, SCHEDULERS)):
        raise UserError("device is cuda, but no GPU is visible here: write device: auto or check `nvidia-smi`")
    return device


def gpus(device: str) -> int:
    """How many GPUs a job on `device` asks of Snakemake: 1 where it resolves to cuda, else 0."""
    return int(resolve_device(device) == "cuda")
