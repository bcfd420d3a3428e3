"""Whether jobs find the device that the configuration names, and the libraries and the driver that go with it."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clipit.doctor.finding import Finding, size_text

_LEAST_DRIVER = {11: 450, 12: 525, 13: 580}
"""CUDA's major version -> the least branch of NVIDIA's driver that runs it, by NVIDIA's table of compatibility."""
_TIMEOUT = 20  # seconds; a driver that has to wake many cards takes several
_MIB = 1024 * 1024
_NO_GPU = "write device: cpu under `compute`"


@dataclass(frozen=True)
class Driver:
    """What nvidia-smi tells: the driver's version, and each card of the machine (name, memory)."""

    version: str
    cards: tuple[str, ...]


def gpu(
    device: str, processes: int, cards: Sequence[str], driver: Driver | None, cuda: str | None, faiss: Sequence[str]
) -> Finding:
    """Compares `compute` of the configuration with what is there.

    Args:
        device, processes: as configured.
        cards: those that a job would see.
        driver: None: nvidia-smi does not tell.
        cuda: the version that torch was built for; None: a build for CPUs, or no torch.
        faiss: the packages that bring faiss.
    """
    if device == "cpu":
        return Finding("gpu", "PASS", "not used: compute.device is cpu")
    if not cards:
        if device == "auto":
            return Finding("gpu", "PASS", "none to be seen: jobs compute on the CPU")
        remedy = "see what `nvidia-smi` and CUDA_VISIBLE_DEVICES say, or write device: auto under `compute`"
        return Finding("gpu", "FAIL", "compute.device is cuda, and no GPU is to be seen", remedy)
    seen = f"{len(cards)} to be used" + (f", {_described(driver)}" if driver else "")
    if cuda is None:
        detail = f"{seen}, but torch is missing or a build for CPUs"
        return Finding("gpu", "FAIL", detail, f"uninstall torch and run `make -B install GPU=1`, or {_NO_GPU}")
    least = _LEAST_DRIVER.get(int(cuda.partition(".")[0]))
    if driver and least and int(driver.version.partition(".")[0]) < least:
        detail = f"{seen}, but torch's CUDA {cuda} needs a driver from {least} on"
        return Finding("gpu", "FAIL", detail, f"update the driver, or {_NO_GPU}")
    if processes > len(cards):
        detail = f"{seen}, but compute.processes is {processes} and each process needs one of its own"
        return Finding("gpu", "FAIL", detail, f"write processes: {len(cards)} under `compute`")
    if driver is None:
        return Finding("gpu", "WARN", f"{seen}, but nvidia-smi does not answer", "see what `nvidia-smi` says")
    if not any("gpu" in name for name in faiss):
        return Finding("gpu", "WARN", f"{seen}, but faiss is for CPUs: pairing is slow", "run `make -B install GPU=1`")
    return Finding("gpu", "PASS", f"{seen}, CUDA {cuda}")


def torch_cuda() -> str | None:
    """The CUDA version that the installed torch was built for, read and not imported, which costs seconds."""
    found = importlib.util.find_spec("torch")
    return cuda_in(Path(found.origin).with_name("version.py")) if found and found.origin else None


def cuda_in(version: Path) -> str | None:
    """What torch's own `version.py` says of CUDA; None: nothing, or there is no such file."""
    text = version.read_text(encoding="utf-8") if version.is_file() else ""
    told = re.search(r"""^cuda(?::[^=]*)?\s*=\s*['"]([\d.]+)['"]""", text, flags=re.MULTILINE)
    return told[1] if told else None


def ask_driver(tool: str | None = None) -> Driver | None:
    """Asks nvidia-smi (`tool`; None: the one on the path); None: it is not there, or tells nothing."""
    tool = tool or shutil.which("nvidia-smi")
    if tool is None:
        return None
    command = [tool, "--query-gpu=driver_version,name,memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=True).stdout
        rows = [[cell.strip() for cell in line.split(",")] for line in told.splitlines()]
        cards = tuple(f"{name} {size_text(int(memory) * _MIB)}" for _, name, memory in rows)
        return Driver(rows[0][0], cards)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _described(driver: Driver) -> str:
    kinds = dict.fromkeys(driver.cards)
    return f"{', '.join(kinds)}, driver {driver.version}"
