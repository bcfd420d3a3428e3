"""Files appear whole or not at all."""

import contextlib
import hashlib
import os
import platform
import re
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from clipit.runtime.refused import told_when_refused

_HERE = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_FORGOTTEN = 24 * 3600.0
"""Seconds without a change after which another machine's temporary counts as left behind."""


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a unique temporary path beside `path`; renamed to `path` on success, removed on failure.

    The temporary keeps the file's suffix, for libraries that choose a format by it. Data are flushed to the disk
    before the rename, so a crash leaves the old file or the new one. What killed processes left beside it goes. The
    file is as open to others as the umask says, whatever library writes it.

    Raises:
        UserError: the disk is full, or may not be written.
    """
    path = Path(path)
    temporary = _temporary(path)
    with told_when_refused(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        try:
            yield temporary
            temporary.chmod(_mode_beside(path))  # safetensors closes its files to everyone else
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{_HERE}-{os.getpid()}-{uuid.uuid4().hex}{path.suffix}")


def _mode_beside(path: Path) -> int:
    """The permissions of a file made beside `path`: to read the umask is to change it, for all threads."""
    probe = _temporary(path)
    try:
        probe.touch()
        return stat.S_IMODE(probe.stat().st_mode)
    finally:
        probe.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Removes the temporaries of `path` whose process here is gone, or, of other machines, that are a day old."""
    of_path = re.compile(rf"\.{re.escape(path.stem)}\.([0-9a-f]{{8}})-(\d+)-[0-9a-f]{{32}}{re.escape(path.suffix)}")
    for other in path.parent.iterdir():
        if match := of_path.fullmatch(other.name):
            with contextlib.suppress(OSError):  # another writer sweeps too
                if match[1] == _HERE:
                    left = not _alive(int(match[2]))
                else:
                    left = time.time() - other.stat().st_mtime > _FORGOTTEN
                if left:
                    other.unlink()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError):  # not Linux
        # In a container without an init, whoever was killed stays in the list of processes as a zombie.
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    return True


def write_text(path: str | Path, text: str) -> None:
    """Writes `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
