"""Trainings whose processes are killed: run again, they end with the bytes of one that was not."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults import training_process
from tests.training.conftest import heads, student, world  # noqa: F401 - fixtures
from tests.training.test_resume import written

from clipit.runtime.errors import UserError
from clipit.training.fit import Fit
from clipit.training.replicas import as_json

pytestmark = pytest.mark.faults

Train = Callable[..., Path]

LENGTH: dict[str, Any] = {
    "steps": 8,
    "validations": 4,
    "lora": {"r": 2, "alpha": 4, "dropout": 0.2, "modules": None, "split_qkv": False},
}
MANY = {**LENGTH, "steps": 32, "validations": 16}  # so that there is time to kill it
WITHIN = 120  # seconds


def start(store: Path, files: dict[str, Any], arguments: dict[str, Any], *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, training_process.__file__, *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    process.stdin.write(as_json({"store": store, "files": files, **arguments}, 0))  # type: ignore[union-attr]
    process.stdin.close()  # type: ignore[union-attr]
    return process


def wait_until(what: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WITHIN
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# ------------------------------------------------------------------------------------------------------ one process


@pytest.mark.parametrize(
    ("event", "number", "kept"),
    [
        ("os.rename", 1, False),  # the first state is written and not in its place yet
        ("os.rename", 4, True),
        ("os.remove", 9, True),  # every result is written; four times two temporary files were removed before
    ],
)
def test_a_killed_training_ends_as_if_nothing_had_happened(
    student: Train,  # noqa: F811
    tmp_path: Path,
    event: str,
    number: int,
    kept: bool,
) -> None:
    folder, run = tmp_path / "kept", tmp_path / "run"
    about: dict[str, Any] = {"fit": Fit(checkpoints=folder), "out": run, **LENGTH}

    def killed(store: Path, files: dict[str, Any], **arguments: Any) -> None:
        assert start(store, files, arguments, event, str(number)).wait(WITHIN) == -signal.SIGKILL

    student("report", how=killed, **about)
    assert (run / "predictions.parquet").exists() == (event == "os.remove")
    assert bool([path for path in folder.glob("*.ckpt") if not path.name.startswith(".")]) == kept
    student("report", **about)
    assert written(run) == written(student("report", **LENGTH))
    assert list(folder.iterdir()) == []


# ------------------------------------------------------------------------------------------------ several processes


def replicas_of(job: int) -> dict[int, int]:
    """Process ids of those that share the training of a job, by rank."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
            variables = dict(one.partition("=")[::2] for one in (process / "environ").read_text().split("\0"))
            if parent == job and "WORLD_SIZE" in variables:
                found[int(variables["RANK"])] = int(process.name)
    return found


def is_running(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@contextlib.contextmanager
def killed_by_its_second_process(kept: Path) -> Iterator[None]:
    """The second process of a training within is killed as soon as there is a state to go on from."""

    def kill() -> None:
        wait_until(lambda: list(kept.glob("[!.]*.ckpt")))
        os.kill(replicas_of(os.getpid())[1], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(UserError, match=r"^process 1 of the training was ended by SIGKILL: "):
        yield
    thread.join()


@pytest.mark.torture  # half a minute and more
@pytest.mark.skipif(sys.platform != "linux", reason="processes end with their job on Linux alone")
def test_a_shared_training_ends_with_its_job_or_one_process_and_goes_on(
    student: Train,  # noqa: F811
    tmp_path: Path,
) -> None:
    kept = tmp_path / "kept"
    about: dict[str, Any] = {"fit": Fit(checkpoints=kept, processes=2), **MANY}

    def killed_job(store: Path, files: dict[str, Any], **arguments: Any) -> None:
        job = start(store, files, arguments)
        wait_until(lambda: list(kept.glob("[!.]*.ckpt")))
        running = replicas_of(job.pid)
        assert sorted(running) == [0, 1]
        job.kill()
        job.wait()
        wait_until(lambda: not any(map(is_running, running.values())))

    student("report", how=killed_job, **about)
    (state,) = kept.glob("[!.]*.ckpt")
    state.rename(tmp_path / "first")  # so that the next state is known to be of the next training
    with killed_by_its_second_process(kept):
        student("report", **about)
    assert not replicas_of(os.getpid())
    run = student("report", **about)
    assert written(run) == written(student("report", fit=Fit(processes=2), **MANY))
    assert list(kept.iterdir()) == []
