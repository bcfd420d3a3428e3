"""What the system, and libraries, say when they cannot write."""

import errno
import os
from pathlib import Path

import pytest

from clipit.runtime.errors import UserError
from clipit.runtime.refused import is_full, told_when_refused


@pytest.mark.parametrize(
    ("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EFBIG, True), (errno.EIO, False)]
)
def test_a_full_disk_is_told_from_other_trouble(number: int, full: bool) -> None:
    assert is_full(OSError(number, os.strerror(number))) is full


def test_a_full_disk_is_seen_in_what_a_library_made_of_it() -> None:
    assert is_full(ValueError("RESOURCE_EXHAUSTED: Failed to write 'a' [OS error 28: No space left on device]"))
    wrapped = RuntimeError("unexpected pos 832 vs 726")
    wrapped.__context__ = OSError(errno.ENOSPC, "No space left on device")
    assert is_full(wrapped)


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results" / "tables" / "a.csv"
    with pytest.raises(
        UserError, match=r"^.*/results/tables/a\.csv cannot be written \(Read-only file system\): allow it"
    ):
        with told_when_refused(path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(tmp_path / "results"))


def test_a_file_that_may_not_be_read_is_other_trouble(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        with told_when_refused(tmp_path / "results" / "a.csv"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/own/images/1.png")


def test_what_is_told_already_stays(tmp_path: Path) -> None:
    told = UserError("no room on the disk of a (No space left on device): make room and run again")
    with pytest.raises(UserError) as caught:
        with told_when_refused(tmp_path / "b"):
            raise told
    assert caught.value is told
