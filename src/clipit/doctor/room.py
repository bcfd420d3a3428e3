"""Whether the disks hold what is still to come."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from clipit.doctor.finding import Finding, size_text
from clipit.runtime.hub import free_space

_AMPLE = 1.5


def disks(findings: Iterable[Finding], results: str) -> Iterator[Finding]:
    """A finding for each disk that something is fetched to, and for that of the results."""
    needed: dict[int, int] = defaultdict(int)
    folders: dict[int, Path] = {_disk(Path(results)): Path(results)}
    for finding in findings:
        for target, size in finding.room.items():
            folders.setdefault(_disk(Path(target)), Path(target))
            needed[_disk(Path(target))] += size
    for disk, folder in folders.items():
        free = free_space(folder)
        subject, detail = f"disk of {folder}", f"{size_text(free)} free"
        if needed[disk]:
            detail += f", about {size_text(needed[disk])} needed for what is fetched, unpacked and computed"
        elsewhere = "or set `results:` and HF_HOME to folders on another disk"
        if free < needed[disk]:
            yield Finding(subject, "FAIL", detail, f"make room, {elsewhere}")
        elif free < _AMPLE * needed[disk]:
            yield Finding(subject, "WARN", f"{detail}, by estimate", f"make room, {elsewhere}")
        else:
            yield Finding(subject, "PASS", detail)


def _disk(folder: Path) -> int:
    """The device that `folder` lies on, or will."""
    return next(parent for parent in (folder, *folder.resolve().parents) if parent.exists()).stat().st_dev
