import os
import subprocess
import sys

import pytest

from clipit.artifacts.atomic import atomic_path, write_text


def test_a_file_appears_with_its_folders(tmp_path):
    write_text(tmp_path / "a" / "b.txt", "grün")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "grün"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_the_temporary_lies_beside_with_the_same_suffix(tmp_path):
    with atomic_path(tmp_path / "table.parquet") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".parquet"
        assert temporary.name != "table.parquet"
        temporary.write_text("x")
        assert not (tmp_path / "table.parquet").exists()
    assert (tmp_path / "table.parquet").read_text() == "x"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file_and_no_temporary(tmp_path, error):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(error), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        raise error
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_writing_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_two_writers_do_not_share_a_temporary(tmp_path):
    with atomic_path(tmp_path / "a.txt") as one, atomic_path(tmp_path / "a.txt") as two:
        one.write_text("one")
        two.write_text("two")
    assert (tmp_path / "a.txt").read_text() == "one"


def test_what_a_killed_process_left_goes_and_a_living_one_s_stays(tmp_path):
    script = (
        "import os, sys\nfrom clipit.artifacts.atomic import atomic_path\n"
        "with atomic_path(sys.argv[1]) as temporary:\n    temporary.write_text('half')\n    os._exit(9)"
    )
    for name in ("a.txt", "b.txt"):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], check=False)
    assert len(list(tmp_path.iterdir())) == 2
    with atomic_path(tmp_path / "a.txt") as living:
        living.write_text("whole")
        write_text(tmp_path / "a.txt", "another")
        assert living.exists()
    assert {path.name.split(".")[1] for path in tmp_path.iterdir() if path.name.startswith(".")} == {"b"}
    assert (tmp_path / "a.txt").read_text() == "whole"


@pytest.mark.skipif(sys.platform != "linux", reason="zombies are told from others on Linux alone")
def test_what_a_zombie_left_goes(tmp_path):
    code = "import sys, os; from clipit.artifacts.atomic import atomic_path; atomic_path(sys.argv[1]).__enter__()"
    code += ".write_text('half'); os._exit(1)"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a.txt")]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
        assert len(list(tmp_path.iterdir())) == 1
        write_text(tmp_path / "a.txt", "new")
        assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_another_machine_left_goes_after_a_day(tmp_path):
    fresh, old = (tmp_path / f".a.00000000-1-{letter * 32}.txt" for letter in "ab")
    for file in (fresh, old):
        file.touch()
    os.utime(old, (0, 0))
    write_text(tmp_path / "a.txt", "x")
    assert fresh.exists() and not old.exists()
