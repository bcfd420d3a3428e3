"""Which GPUs a process may use, and how jobs that run beside each other on one machine keep off each other's."""

import fcntl
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import IO

from clipit.runtime.errors import UserError

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_WAIT_S = 1.0

_locks: list[IO[str]] = []
"""Open as long as the process lives: the kernel frees the cards of one that is killed."""


def visible_cards() -> list[str]:
    """The NVIDIA GPUs that CUDA would show this process, by the names that CUDA_VISIBLE_DEVICES takes."""
    named = os.environ.get(_VISIBLE)
    if not _cards_present():
        return []
    if named is None:
        return [str(i) for i in range(_cards_present())]
    cards = [card.strip() for card in named.split(",")]
    return [] if cards[0] in ("", "-1", "NoDevFiles") else cards


@cache
def _cards_present() -> int:
    """How many there are."""
    files = len(list(Path("/dev").glob("nvidia[0-9]*")))
    if files:
        return files
    # Some systems (WSL) have a GPU without a device file; there the driver's tool knows.
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return listed.stdout.count("GPU ") if listed.returncode == 0 else 0


def take_cards(n: int) -> None:
    """Shows this process, and those that it starts, `n` cards that no other job of this user has; waits for them.

    Snakemake counts a machine's GPUs but tells no job which are its own, and every job would use the first. Where no
    more than `n` are visible, as in a cluster's job, there is nothing to choose.

    Raises:
        UserError: none is visible.
    """
    cards = visible_cards()
    if n and not cards:
        raise UserError(
            f"no GPU is visible on {platform.node()}, and this job was to have one: write compute: {{device: cpu}}, or "
            "send such jobs to machines with GPUs (set-resources in profiles/slurm/config.yaml)"
        )
    if len(cards) <= n or n == 0:
        return
    told = False
    while len(taken := _lock(cards, n)) < n:
        if not told:
            print(f"waiting for {n} of the GPUs {', '.join(cards)}: other jobs have them", file=sys.stderr)
            told = True
        time.sleep(_WAIT_S)
    os.environ[_VISIBLE] = ",".join(taken)


def _lock(cards: list[str], n: int) -> list[str]:
    """The `n` cards that were free and are ours now, or none: half of what is needed would keep others waiting."""
    folder = _own_folder()
    taken: dict[str, IO[str]] = {}
    for card in cards:
        file = open(folder / card.replace("/", "-"), "w")  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        taken[card] = file
        if len(taken) == n:
            _locks.extend(taken.values())
            return list(taken)
    for held in taken.values():
        held.close()
    return []


def _own_folder() -> Path:
    """The folder of this user's locks.

    Raises:
        UserError: someone else made it, in whose links our files would be written.
    """
    folder = Path(tempfile.gettempdir()) / f"clipit-cards-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise UserError(
            f"{folder}, where jobs that share the GPUs keep locks, is not yours: set TMPDIR to another folder"
        )
    return folder
