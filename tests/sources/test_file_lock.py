import subprocess
import sys

import pytest

from clipit.sources.file_lock import alone

COUNT = """
import pathlib, sys
from clipit.sources.file_lock import alone
lock, counter = map(pathlib.Path, sys.argv[1:])
for _ in range(50):
    with alone(lock, "counting"):
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def test_processes_take_turns_though_the_lock_is_removed_after_each(tmp_path):
    lock, counter = tmp_path / "lock", tmp_path / "counter"
    counter.write_text("0")
    command = [sys.executable, "-c", COUNT, str(lock), str(counter)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = "".join(process.communicate()[1] for process in running)
    assert [process.returncode for process in running] == [0] * 4, said
    assert counter.read_text() == "200"
    assert not lock.exists()
    assert set(said.splitlines()) <= {"clipit: another process is counting: waiting for it"}


def test_the_lock_goes_with_a_failure(tmp_path):
    with pytest.raises(KeyError), alone(tmp_path / "lock", "failing"):
        assert (tmp_path / "lock").exists()
        raise KeyError
    with alone(tmp_path / "lock", "going on"):
        pass
    assert list(tmp_path.iterdir()) == []
