"""Whose lock it is: lifted only where nobody can be at work."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clipit.workflow import run_lock

OTHER = """
import sys, pathlib
from clipit.workflow import run_lock
folder = pathlib.Path(sys.argv[1])
run_lock.take(folder)
run_lock.note(local=sys.argv[2] == "local", folder=folder)
(folder / "locks").mkdir()
(folder / "locks" / "0.output.lock").write_text("results/a")
print("at work", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".snakemake"


def start(folder: Path, kind: str = "local") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(folder), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "at work\n"
    return process


@pytest.fixture
def at_work(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that goes on."""
    process = start(folder)
    yield process
    process.communicate("")


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def is_locked(folder: Path) -> bool:
    return (folder / "locks" / "0.output.lock").exists()


def test_a_folder_that_nobody_works_in_is_taken_in_silence(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_lock.take(folder)
    assert capfd.readouterr().err == ""


def test_the_lock_of_a_killed_run_is_lifted(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    process = start(folder)
    kill(process)
    run_lock.take(folder)
    assert not is_locked(folder)
    assert f"(process {process.pid}) left its lock, which is lifted" in capfd.readouterr().err


def test_the_lock_of_a_run_at_work_stays(
    folder: Path, at_work: subprocess.Popen[str], capfd: pytest.CaptureFixture[str]
) -> None:
    run_lock.take(folder)
    assert is_locked(folder)
    assert f"another snakemake is at work in this folder (process {at_work.pid})" in capfd.readouterr().err


def test_it_stays_while_any_run_is_at_work(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = start(folder)
    second = subprocess.Popen(
        [sys.executable, "-c", OTHER.replace(".mkdir()", ".mkdir(exist_ok=True)"), str(folder), "local"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert second.stdout is not None and second.stdout.readline() == "at work\n"
    kill(first)
    run_lock.take(folder)
    assert is_locked(folder) and "another snakemake is at work" in capfd.readouterr().err
    kill(second)


@pytest.mark.parametrize("where", ["cluster", "another machine", "unknown"])
def test_a_lock_whose_jobs_may_go_on_stays_and_how_to_remove_it_is_said(
    folder: Path, where: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kill(start(folder, "cluster" if where == "cluster" else "local"))
    note = folder / "clipit.lock"
    assert json.loads(note.read_text())["machine"] == platform.node()
    if where == "another machine":
        note.write_text(json.dumps({**json.loads(note.read_text()), "machine": "another"}))
    if where == "unknown":
        note.write_text("")
    run_lock.take(folder)
    assert is_locked(folder)
    assert "left its lock: make sure that none of its jobs runs" in capfd.readouterr().err


def test_a_folder_that_cannot_be_written_is_left_to_snakemake(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run_lock.take(tmp_path / "file")
    run_lock.note(local=True, folder=tmp_path / "file")
    assert os.listdir(tmp_path) == ["file"]
