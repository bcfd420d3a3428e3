"""What a check finds, and what a check is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Status = Literal["PASS", "WARN", "FAIL"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's: FAIL stops a run, WARN may spoil it.

    Attributes:
        subject: what was looked at, by its key in the configuration where it has one (`backbones.uni`).
        detail: what is so.
        remedy: what to do, of a WARN or a FAIL.
        fetch: bytes that are still to come over the network.
        room: bytes that they, and what is computed, will take, by folder.
        size: bytes of a model's files, where known; every student of a backbone is about as large.
    """

    subject: str
    status: Status
    detail: str
    remedy: str = ""
    fetch: int = 0
    room: Mapping[str, int] = field(default_factory=dict)
    size: int = 0


Check: TypeAlias = Callable[[], Finding]
"""Looks at one thing. It may take seconds and use the network; checks run side by side."""


def size_text(size: int) -> str:
    """A number of bytes for the eye."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
