"""Results dated in the future, by a clock that was wrong: Snakemake would refuse whatever is made of them."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from clipit.runtime.errors import UserError

_SLACK = 60.0
"""Seconds by which the clock of a file server may be ahead."""


def correct_dates(results: str | Path) -> None:
    """Dates files of `results` that are from the future now, and says so in one line.

    They keep no order among them, and are no older than anything: what is made of them and dated before is made again,
    once. Pixels and downloaded files are left alone, since no rule compares their dates.

    Raises:
        UserError: such a file may not be dated by this user.
    """
    now = time.time()
    late = sorted(path for path in _compared(Path(results)) if path.is_file() and path.stat().st_mtime > now + _SLACK)
    for path in late:
        try:
            os.utime(path)  # needs no more than leave to write, as in a folder that several people share
        except PermissionError:
            raise UserError(
                f"{path} is dated in the future and is not yours to correct: let its owner `touch` it, and check the "
                "clock of this machine"
            ) from None
    if late:
        more = f" and {len(late) - 1:,} more" if len(late) > 1 else ""
        print(
            f"clipit: {late[0]}{more} was dated in the future, and is dated now: check the clock of this machine; what "
            "is made of it may be made again, once",
            file=sys.stderr,
        )


def _compared(results: Path) -> Iterator[Path]:
    """The files whose dates rules compare."""
    for folder, folders, files in os.walk(results):
        folders[:] = [name for name in folders if not name.endswith(".zarr")]
        if Path(folder).parent == results / "data":  # of a download, the markers
            folders.clear()
        yield from (Path(folder, name) for name in files)
