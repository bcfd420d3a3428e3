"""A script's frame, run as a script is: in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import clipit

SOURCE = str(Path(clipit.__file__).parents[1])
PREAMBLE = """
import os, sys, time
from clipit.artifacts.atomic import atomic_path
from clipit.runtime.errors import UserError
from clipit.runtime.job import job

with job("logs/pair.log", threads=3):
"""


@pytest.fixture
def start(tmp_path):
    """Starts a job with the given body in an empty folder."""
    running = []

    def start(body: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + body],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": SOURCE},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_output_goes_to_the_log_and_messages_to_the_terminal_too(start, tmp_path):
    process = start("    print('figures')\n    print('progress', file=sys.stderr)\n")
    assert process.communicate(timeout=30) == ("", "progress\n")
    assert process.returncode == 0
    assert (tmp_path / "logs/pair.log").read_text() == "figures\nprogress\n"


def test_a_user_error_is_one_line_and_a_failure(start, tmp_path):
    process = start("    raise UserError('images.csv has no column label: add it')\n")
    line = "clipit: images.csv has no column label: add it\n"
    assert process.communicate(timeout=30) == ("", line)
    assert process.returncode == 1
    assert (tmp_path / "logs/pair.log").read_text() == line


def test_a_defect_keeps_its_traceback_in_the_log(start, tmp_path):
    process = start("    1 / 0\n")
    _, shown = process.communicate(timeout=30)
    assert process.returncode == 1
    assert shown.count("ZeroDivisionError: division by zero") == 1
    assert (tmp_path / "logs/pair.log").read_text() == shown


def test_numeric_libraries_get_the_configured_threads(start, tmp_path):
    process = start("    print(os.environ['OMP_NUM_THREADS'], os.environ['MKL_NUM_THREADS'])\n")
    process.communicate(timeout=30)
    assert (tmp_path / "logs/pair.log").read_text() == "3 3\n"


WRITE_FOREVER = """
    with atomic_path("out.txt") as temporary:
        temporary.write_text("new")
        print("writing", file=sys.stderr, flush=True)
        time.sleep(60)
"""


def test_a_terminated_job_leaves_the_old_file_and_no_temporary(start, tmp_path):
    (tmp_path / "out.txt").write_text("old")
    process = start(WRITE_FOREVER)
    assert process.stderr.readline() == "writing\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert (tmp_path / "out.txt").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "out.txt"]


def test_a_killed_job_leaves_the_old_file(start, tmp_path):
    (tmp_path / "out.txt").write_text("old")
    process = start(WRITE_FOREVER)
    assert process.stderr.readline() == "writing\n"
    process.kill()
    process.wait(timeout=30)
    assert (tmp_path / "out.txt").read_text() == "old"


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is signalled on Linux alone")
def test_a_job_dies_with_its_parent(tmp_path):
    child = PREAMBLE + "    print(os.getpid(), file=sys.stderr, flush=True)\n    time.sleep(60)\n"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen(
        [sys.executable, "-c", parent],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": SOURCE},
        stderr=subprocess.PIPE,
        text=True,
    )
    child_id = int(process.stderr.readline())
    process.kill()
    process.communicate()  # ends when the child, too, has closed its end of the pipe
    for _ in range(100):
        if not Path(f"/proc/{child_id}").exists() or "Z" in Path(f"/proc/{child_id}/stat").read_text().split()[2]:
            return
        time.sleep(0.05)
    pytest.fail("the job outlived its parent")
