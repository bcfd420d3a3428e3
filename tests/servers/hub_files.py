"""What the stand-in for the hub keeps, is asked for, and says of its files."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class HubFault:
    """How one answer goes wrong."""

    status: int | None = None
    """This status and no content."""
    retry_after: int | None = None
    """Seconds, with a status 429 or 503."""
    cut: int | None = None
    """The connection ends after so many bytes of the body."""
    reset: bool = False
    """A cut is a reset by the peer rather than an orderly end."""


@dataclass(frozen=True)
class HubRequest:
    """What was asked for."""

    method: str
    host: str
    """`hub`, or `cdn` where large files lie."""
    path: str
    """Decoded, without the query."""
    headers: Mapping[str, str]
    """By lower-case names."""

    @property
    def token(self) -> str | None:
        """The token that came with it."""
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


@dataclass(frozen=True)
class HubFile:
    """One file of one commit."""

    content: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def blob(self) -> str:
        """Git's name for it: of the content, or of the pointer that stands for a large file."""
        lines = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n"
        content = lines.encode() if self.large else self.content
        return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


@dataclass
class Repo:
    """A repository: its commits, and the names that lead to them."""

    kind: str
    name: str
    gated: bool = False
    commits: dict[str, dict[str, HubFile]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, revision: str) -> str | None:
        revision = self.refs.get(revision, revision)
        return revision if revision in self.commits else None


def blob_facts(file: HubFile, with_blobs: bool) -> dict[str, Any]:
    """What `?blobs=true` says of a file."""
    if not with_blobs:
        return {}
    lfs = {"sha256": file.sha256, "size": len(file.content), "pointerSize": 134}
    return {"blobId": file.blob, "size": len(file.content)} | ({"lfs": lfs} if file.large else {})


def tree(files: Mapping[str, HubFile], within: str, recursive: bool) -> Iterator[dict[str, Any]]:
    prefix, folders = f"{within}/" if within else "", set()
    for path, file in files.items():
        if not path.startswith(prefix):
            continue
        parts = path.removeprefix(prefix).split("/")
        for depth in range(1, len(parts) if recursive else min(2, len(parts))):
            folders.add(prefix + "/".join(parts[:depth]))
        if recursive or len(parts) == 1:
            lfs = {"oid": file.sha256, "size": len(file.content), "pointerSize": 134}
            entry = {"type": "file", "oid": file.blob, "size": len(file.content), "path": path}
            yield entry | ({"lfs": lfs} if file.large else {})
    for folder in sorted(folders):
        yield {"type": "directory", "oid": hashlib.sha1(folder.encode()).hexdigest(), "size": 0, "path": folder}
