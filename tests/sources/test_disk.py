import errno
from types import SimpleNamespace

import pytest

from clipit.runtime.errors import UserError
from clipit.sources import disk
from clipit.sources.disk import flush, require_room


def test_room_is_asked_for_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
    require_room(tmp_path, 5_000_000, "set.zip")
    with pytest.raises(UserError, match=r"has 5 MB free, set\.zip needs 6 MB more: make room and run again$"):
        require_room(tmp_path, 6_000_000, "set.zip")


def test_flushing_reaches_the_system_and_its_failures_are_raised(tmp_path, monkeypatch):
    flush(tmp_path)
    with pytest.raises(FileNotFoundError):
        flush(tmp_path / "nowhere")
    monkeypatch.setattr(disk.sys, "platform", "linux")
    monkeypatch.setattr(disk.ctypes, "CDLL", lambda name, use_errno: SimpleNamespace(syncfs=lambda descriptor: -1))
    monkeypatch.setattr(disk.ctypes, "get_errno", lambda: errno.EIO)
    with pytest.raises(OSError) as caught:
        flush(tmp_path)
    assert caught.value.errno == errno.EIO
