"""The system refuses to write: the disk is full or read-only. Libraries say so in ways of their own."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from clipit.runtime.errors import UserError, causes

# A full disk, a full quota, a file larger than this file system or this process may write.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DENIED = (errno.EROFS, errno.EACCES, errno.EPERM)


def why_full(error: BaseException) -> str | None:
    """What the system said, where `error`, or what it came from, is that no more can be written here.

    What is written in Rust or C++ (safetensors, TensorStore) raises errors without a number: their text has the words.
    """
    for cause in causes(error):
        for number in _FULL:
            if getattr(cause, "errno", None) == number or os.strerror(number) in str(cause):
                return os.strerror(number)
    return None


def is_full(error: BaseException) -> bool:
    """Whether no more can be written here."""
    return why_full(error) is not None


def is_denied(error: BaseException) -> bool:
    """Whether `error` says that a file or folder may not be written, or not be read."""
    return isinstance(error, OSError) and error.errno in _DENIED


@contextlib.contextmanager
def told_when_refused(path: str | Path) -> Iterator[None]:
    """Raises a `UserError` where the disk of `path`, which is written within, is full or may not be written.

    That something else may not be read is none of its business: another error.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if why := why_full(error):
            raise UserError(f"no room on the disk of {path} ({why}): make room and run again") from error
        if isinstance(error, OSError) and is_denied(error) and _is_on_the_way(error.filename, Path(path)):
            raise UserError(
                f"{path} cannot be written ({error.strerror}): allow it, or name another folder (results: in the "
                "configuration), and run again"
            ) from error
        raise


def _is_on_the_way(refused: str | None, path: Path) -> bool:
    """Whether the file that an error names, if it does, is `path`, a temporary one beside it, or a folder above."""
    return refused is None or path.is_relative_to(Path(refused).parent)
