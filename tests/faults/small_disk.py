"""A disk that is soon full: a RAM disk of a given size that only one process sees, and that ends with it."""

import functools
import subprocess
import sys
from pathlib import Path

_MOUNT = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'


def on_small_disk(folder: Path, size: str, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python `code` while `folder` is a disk of `size` ("2m"); `sys.argv[1]` is `folder`, then `arguments`.

    `mount -o remount,size=...` on `folder` gives it more room.
    """
    command = [sys.executable, "-c", code, str(folder), *arguments]
    return subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", _MOUNT, "sh", size, str(folder), *command],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@functools.cache
def can_mount() -> bool:
    """Whether this machine lets a process have a disk of its own."""
    try:
        command = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
