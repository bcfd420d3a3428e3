"""What control groups (containers, jobs of a cluster) leave a process of the machine's cores and memory."""

from collections.abc import Iterator
from pathlib import Path

_NO_LIMIT = 1 << 60
"""Bytes from which version 1 means that there is none."""


def core_limit(root: Path = Path("/")) -> float | None:
    """How many cores' worth of time this process may take; None: as much as there is. `root` holds proc and sys."""
    shares = []
    for group in _groups(root, "cpu"):
        quota, period = _read(group / "cpu.cfs_quota_us") or "max", _read(group / "cpu.cfs_period_us") or "1"
        quota, period = (_read(group / "cpu.max") or f"{quota} {period}").split()
        if quota not in ("max", "-1"):
            shares.append(int(quota) / int(period))
    return min(shares, default=None)


def memory_limit(root: Path = Path("/")) -> int | None:
    """How many bytes this process and those beside it may take; None: as many as there are."""
    found = (
        _read(group / name) for group in _groups(root, "memory") for name in ("memory.max", "memory.limit_in_bytes")
    )
    limits = (int(text) for text in found if text not in (None, "max"))
    return min((limit for limit in limits if limit < _NO_LIMIT), default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and of all above it: each of them may set a limit, of both versions."""
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / (controller if controllers else "")
        # In a container the path may be the host's: then the folder that is seen is the container's own.
        parts = [] if ".." in path else [part for part in path.split("/") if part]
        yield from (base.joinpath(*parts[:n]) for n in range(len(parts), -1, -1))


def _read(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except OSError:
        return None
