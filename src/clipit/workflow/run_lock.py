"""Which snakemakes are at work in this folder: a lock that a killed one left is lifted, a living one is told of.

Snakemake's own lock is a list of files that stays when its process is killed, and does not say whose it is. Beside it,
every run holds `clipit.lock` in a way that the system lets go when the process ends, however it ends.
"""

import contextlib
import fcntl
import json
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(".snakemake")
_HELD = "clipit.lock"


def take(folder: Path = FOLDER) -> None:
    """Called once by every snakemake that is to run something, before it looks at its own lock.

    A lock without an owner goes, which is told in one line; so is another snakemake that is at work. A lock stays, and
    how to remove it is said, where the last run was on another machine or on a cluster: its jobs may go on without it.
    """
    with contextlib.suppress(OSError):  # Snakemake says itself what it cannot write
        folder.mkdir(exist_ok=True)
        descriptor = os.open(folder / _HELD, os.O_RDWR | os.O_CREAT, 0o666)  # open, and held, until the process ends
        last = _read(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(
                f"clipit: another snakemake is at work in this folder (process {last.get('process', 'not known')}): "
                "where both are to make the same files, this one is refused; let the other one end, do not --unlock",
                file=sys.stderr,
            )
        else:
            _lift(folder / "locks", last)
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # whoever has it alone looks for a lock to lift, and lets go


def note(local: bool, folder: Path = FOLDER) -> None:
    """Writes down whose the lock is, once it is had; `local`: no job runs on without this process."""
    with contextlib.suppress(OSError):
        about = {"process": os.getpid(), "machine": platform.node(), "local": local}
        (folder / _HELD).write_text(json.dumps(about), encoding="utf-8")


def _read(descriptor: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(descriptor, 10_000, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _lift(locks: Path, last: dict[str, Any]) -> None:
    if not any(locks.glob("*.lock")):
        return
    whose = f"a snakemake that is gone (process {last.get('process', 'not known')}) left its lock"
    if last.get("local") and last.get("machine") == platform.node():
        shutil.rmtree(locks)
        print(f"clipit: {whose}, which is lifted: this one goes on where that one was", file=sys.stderr)
    else:
        print(
            f"clipit: {whose}: make sure that none of its jobs runs, here or on a cluster, then `snakemake --unlock`",
            file=sys.stderr,
        )
