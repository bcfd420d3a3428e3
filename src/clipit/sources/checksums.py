"""What a file holds and what it must hold; the record of what once came."""

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress

_BLOCK = 1_000_000
_SHOWN_FROM = 500_000_000  # bytes that take seconds to read


class Digests:
    """Size in bytes, MD5 and SHA-256 in hexadecimal, of bytes as they come."""

    def __init__(self) -> None:
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def update(self, block: bytes) -> None:
        self.size += len(block)
        self._md5.update(block)
        self._sha256.update(block)

    @property
    def md5(self) -> str:
        return self._md5.hexdigest()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


def digests_of(path: Path) -> Digests:
    """Reads the file at `path`; shows progress where it is a large one."""
    digests, total = Digests(), path.stat().st_size
    with open(path, "rb") as file, contextlib.ExitStack() as stack:
        shown = stack.enter_context(Progress(f"check {path.name}", total, "bytes")) if total >= _SHOWN_FROM else None
        while block := file.read(_BLOCK):
            digests.update(block)
            if shown:
                shown.advance(len(block))
    return digests


@dataclass(frozen=True)
class Wanted:
    """What a file must be, as far as it is known: digests in hexadecimal, size in bytes."""

    md5: str | None = None
    sha256: str | None = None
    size: int | None = None

    @property
    def vouched(self) -> bool:
        """Whether a checksum tells the right bytes from wrong ones."""
        return bool(self.md5 or self.sha256)

    def fault(self, found: Digests) -> str | None:
        """What is wrong with what was found, or None."""
        if self.size is not None and found.size != self.size:
            return f"has {found.size:,} bytes instead of {self.size:,}"
        for kind, expected in (("md5", self.md5), ("sha256", self.sha256)):
            if expected and getattr(found, kind) != expected.lower():
                return f"has {kind} {getattr(found, kind)} instead of {expected.lower()}"
        return None


def record_path(file: Path) -> Path:
    """Where the SHA-256 of `file` is recorded, as sha256sum writes it."""
    return file.with_name(f"{file.name}.sha256")


def recorded(file: Path) -> str | None:
    """The SHA-256 that was recorded for `file`, if any.

    Raises:
        UserError: there is a record, but no such digest in it.
    """
    path = record_path(file)
    if not path.exists():
        return None
    first = path.read_text(encoding="utf-8", errors="replace").partition(" ")[0].strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", first):
        raise UserError(f"{path} holds no sha256: delete it")
    return first


def record(file: Path, sha256: str) -> None:
    """Records what `file` holds; one process at a time."""
    path = record_path(file)
    # A name of its own would be left behind by a killed process; this one is taken again.
    temporary = path.with_name(f"{path.name}.part")
    with open(temporary, "w", encoding="utf-8") as written:
        written.write(f"{sha256}  {file.name}\n")
        written.flush()
        os.fsync(written.fileno())
    temporary.replace(path)
