"""The processes below a snakemake: which are jobs, of which rule, and whether they write."""

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

_HELD = re.compile(r"\.lock$|/logs/|/tensorboard/")
"""Files that a job has open as long as it works."""

_SCRIPT = re.compile(r"/scripts/\w+\.(\w+)\.py$")


def descendants(process: int) -> list[psutil.Process]:
    """All processes below one that lives; none where it does not."""
    try:
        return psutil.Process(process).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def jobs(snakemake: int) -> dict[psutil.Process, str]:
    """The processes of jobs that run, each with the name of its script, which is its rule's."""
    found = {}
    for process in descendants(snakemake):
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if len(command) == 2 and (match := _SCRIPT.search(command[1])):  # python, script; a shell before it has more
            found[process] = match[1]
    return found


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended; a zombie has."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_gone(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are still there after so many seconds."""
    left, deadline = list(processes), time.monotonic() + seconds
    while (left := [process for process in left if not is_gone(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def writes(process: psutil.Process, results: Path) -> bool:
    """Whether it, or a child of it, is writing a file of the results at this moment."""
    try:
        family = [process.pid, *(child.pid for child in process.children())]
    except psutil.Error:
        return False
    for one in family:
        try:
            for descriptor in os.scandir(f"/proc/{one}/fd"):
                target = os.readlink(descriptor.path)
                of_interest = target.startswith(f"{results}/") and not _HELD.search(target)
                if of_interest and _is_written(one, descriptor.name):
                    return True
        except OSError:  # it has just ended, or closed the file
            continue
    return False


def _is_written(process: int, descriptor: str) -> bool:
    flags = re.search(r"flags:\s+0?(\d+)", Path(f"/proc/{process}/fdinfo/{descriptor}").read_text())
    return bool(flags and int(flags[1], 8) & (os.O_WRONLY | os.O_RDWR))
