"""What a rule asks of the machine, decided without importing torch: the Snakefile is read once a job."""

from clipit.runtime.cards import visible_cards
from clipit.runtime.errors import UserError

DEVICES = ("auto", "cpu", "cuda")


def resolve_device(device: str) -> str:
    """`cpu` or `cuda` for a configured device; `auto` takes a GPU where there is one.

    Raises:
        UserError: the device is unknown, or `cuda` is asked for and no GPU is visible.
    """
    if device not in DEVICES:
        raise UserError(f"device {device!r} is unknown: write one of {', '.join(DEVICES)}")
    if device == "auto":
        return "cuda" if visible_cards() else "cpu"
    if device == "cuda" and not visible_cards():
        raise UserError("device is cuda, but no GPU is visible here: write device: auto or check `nvidia-smi`")
    return device


def gpus(device: str) -> int:
    """How many GPUs a job on `device` asks of Snakemake: 1 where it resolves to cuda, else 0."""
    return int(resolve_device(device) == "cuda")
