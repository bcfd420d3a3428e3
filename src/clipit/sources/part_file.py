"""A file that is still arriving: its bytes so far, their digests, and what they are the beginning of."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from clipit.sources.checksums import Digests, digests_of

_BUFFER = 131_072  # bytes that a killed process loses at most


@dataclass(frozen=True)
class Source:
    """One state of a file at an address."""

    address: str
    """Without userinfo and query: it is written to the disk."""
    validator: str | None
    """ETag or Last-Modified: the same for the same bytes."""
    total: int | None
    """Bytes of the whole file, where the server says."""


class PartFile:
    """`{out}.part`, and `{out}.part.json` that says for a later run what it is a part of."""

    def __init__(self, out: Path) -> None:
        self.path = out.with_name(f"{out.name}.part")
        self._note = out.with_name(f"{out.name}.part.json")
        self.digests = Digests()
        self.source: Source | None = None

    @property
    def size(self) -> int:
        return self.digests.size

    def take_up(self) -> None:
        """Goes on from what an earlier run left."""
        with contextlib.suppress(FileNotFoundError):
            self.digests = digests_of(self.path)
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
            self.source = Source(**json.loads(self._note.read_text(encoding="utf-8")))

    def begin(self, source: Source) -> None:
        """Starts anew, as a part of `source`."""
        self.discard()
        # Before the first byte: bytes with the note of others must never be resumed. Half a note is as good as none.
        self._note.write_text(json.dumps(asdict(source)), encoding="utf-8")
        self.source = source

    @contextlib.contextmanager
    def appending(self) -> Iterator[None]:
        """Lets `write` add to the file while its context is open."""
        with open(self.path, "ab", buffering=_BUFFER) as self._file:
            yield

    def write(self, block: bytes) -> None:
        self._file.write(block)
        self.digests.update(block)

    def finish(self, out: Path) -> None:
        """Becomes `out`; its bytes are on the disk before it gets the name."""
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())
        self.path.replace(out)
        self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self.digests, self.source = Digests(), None
