"""One process at a time."""

import contextlib
import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_NOT_OFFERED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextlib.contextmanager
def alone(lock: Path, what: str) -> Iterator[None]:
    """Holds the file `lock` while its context is open, waiting for another process that does; removes it afterwards.

    The system releases the lock of a process that dies. Where the file system offers none, that is said and the work
    goes on. `what` is being done, for the line that says so.
    """
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor, what)
            if _is_at(lock, descriptor):
                try:
                    yield
                finally:
                    # While it is held: a process that waits for this very file notices and opens the next one.
                    lock.unlink(missing_ok=True)
                return
        finally:
            os.close(descriptor)


def _lock(descriptor: int, what: str) -> None:
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"clipit: another process is {what}: waiting for it", file=sys.stderr)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise
        print(f"clipit: no locks on this file system: let no other process be {what}", file=sys.stderr)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is the one at `path` now."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
