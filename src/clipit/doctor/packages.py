"""Whether Python and the installed packages are those that clipit is known to work with."""

import importlib.metadata
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from clipit.doctor.finding import Finding

_FAISS = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12", "faiss-gpu-cuvs", "faiss")
_SHOWN = 8

VersionOf = Callable[[str], str | None]
"""The version of an installed package, None of one that is not there."""


def version_of(name: str) -> str | None:
    """The version of the installed package `name`; None: it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def supported_python() -> str:
    """The versions of Python that clipit says it supports, `>=3.11,<3.14` say."""
    bounds = importlib.metadata.metadata("clipit")["Requires-Python"].split(",")
    return ",".join(sorted(bounds, reverse=True))  # the installer has put the upper one first


def python(supported: str, running: str = platform.python_version()) -> Finding:
    """Compares the Python that is `running` with what is `supported`."""
    if SpecifierSet(supported).contains(running, prereleases=True):
        return Finding("python", "PASS", running)
    remedy = "make the environment anew with one of them: `make install PYTHON=/path/to/python3`, after `rm -r .venv`"
    return Finding("python", "FAIL", f"{running}, and clipit supports {supported}", remedy)


def faiss_installed(version: VersionOf = version_of) -> list[str]:
    """The packages that bring faiss, of those that are installed."""
    return [name for name in _FAISS if version(name)]


def faiss(installed: Sequence[str]) -> Finding:
    """Looks whether faiss is there once: its packages overwrite each other's files."""
    if len(installed) == 1:
        return Finding("faiss", "PASS", installed[0])
    detail = f"{' and '.join(installed)} overwrite each other's files" if installed else "not installed"
    remedy = ("uninstall all of them, then " if installed else "") + "run `make -B install`"
    return Finding("faiss", "FAIL", detail, f"{remedy}, or `make -B install GPU=1` where there is an NVIDIA GPU")


def pinned(lock: Path, version: VersionOf = version_of) -> Finding:
    """Compares the installed packages with the pins in `lock`, as far as these are for this machine.

    What is installed beside them is no concern.
    """
    if not lock.is_file():
        return Finding("packages", "WARN", f"{lock} is not here to compare with", "run clipit in the project's folder")
    lines = (line.partition("#")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines())
    pins = [Requirement(line) for line in lines if line]
    pins = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    others = [other for pin in pins if (other := _difference(pin, version(pin.name)))]
    if not others:
        return Finding("packages", "PASS", f"all {len(pins)} are those of {lock}")
    named = ", ".join(others[:_SHOWN]) + (f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else "")
    again = "make -B install" + (" GPU=1" if lock.stem == "gpu" else "")
    detail = f"{len(others)} of {len(pins)} are not those of {lock}: {named}"
    return Finding("packages", "WARN", detail, f"run `{again}`")


def _difference(pin: Requirement, found: str | None) -> str | None:
    if found is None:
        return f"{pin.name} is missing"
    if pin.specifier.contains(found, prereleases=True):
        return None
    return f"{pin.name} {found} instead of {str(pin.specifier).removeprefix('==')}"
