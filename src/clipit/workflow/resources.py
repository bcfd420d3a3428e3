"""What a rule asks of the machine, decided without importing torch: the Snakefile is read once a job."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

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
        return "cuda" if gpu_visible() else "cpu"
    if device == "cuda" and not gpu_visible():
        raise UserError("device is cuda, but no GPU is visible here: write device: auto or check `nvidia-smi`")
    return device


def gpus(device: str) -> int:
    """How many GPUs a job on `device` asks of Snakemake: 1 where it resolves to cuda, else 0."""
    return int(resolve_device(device) == "cuda")


def gpu_visible() -> bool:
    """Whether this process may use an NVIDIA GPU: one exists and CUDA_VISIBLE_DEVICES does not hide it."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() not in ("", "-1", "NoDevFiles") and _gpu_present()


@cache
def _gpu_present() -> bool:
    if any(Path("/dev").glob("nvidia[0-9]*")):
        return True
    # Some systems (WSL) have a GPU without a device file; there the driver's tool knows.
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU " in listed.stdout
