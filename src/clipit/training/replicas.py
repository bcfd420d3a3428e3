"""Several processes that share the training of one student: started by its job, and ended with it.

The job itself waits and does nothing else: whatever the processes hang in, it can end them.
"""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from clipit.artifacts.provenance import Origin
from clipit.runtime.errors import UserError
from clipit.training.fit import MEETING, Fit

_POLL = 0.1


def train_in_replicas(arguments: Mapping[str, Any]) -> None:
    """Calls `train_student(**arguments)` in `fit.processes` processes on this machine, and waits for all.

    What they write to their error output appears on this process's; the lines of all but the first say whose they are.

    Raises:
        UserError: the batch does not divide among them, there are fewer GPUs, or what the first one to fail raised or
            was ended by. The others are ended then.
    """
    fit, threads = arguments["fit"], arguments["threads"]
    _check(fit, arguments["settings"]["batch"])
    shared = {
        "WORLD_SIZE": str(fit.processes),
        "NODE_RANK": "0",
        "OMP_NUM_THREADS": str(threads),  # else Lightning divides the machine's cores among them
    }
    if sys.platform == "linux":  # one machine: nothing has to listen to the network
        shared |= {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
    with contextlib.ExitStack() as stack:
        shared[MEETING] = f"{stack.enter_context(tempfile.TemporaryDirectory(prefix='clipit-'))}/meeting"
        replicas = []
        for rank in range(fit.processes):
            mine = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            replicas.append(_Replica(rank, as_json(arguments, rank), {**os.environ, **shared, **mine}))
            stack.callback(replicas[-1].end)
        _wait(replicas)
    if failed := [replica for replica in replicas if not replica.has_succeeded]:
        raise min(failed, key=lambda replica: replica.failed_at).error()


def as_json(arguments: Mapping[str, Any], rank: int) -> str:
    """The arguments of `train_student` for one of its processes."""
    fit = dataclasses.replace(arguments["fit"], rank=rank)
    plain = {**arguments, "fit": dataclasses.asdict(fit), "origin": dataclasses.asdict(arguments["origin"])}
    return json.dumps({"parent": os.getpid(), "arguments": plain}, default=str)


def _check(fit: Fit, batch: int) -> None:
    if batch % fit.processes:
        raise UserError(
            f"training.batch {batch} does not divide among the {fit.processes} processes of compute.processes: "
            f"make it a multiple of {fit.processes}"
        )
    if fit.device == "cuda" and torch.cuda.device_count() < fit.processes:
        raise UserError(
            f"compute.processes is {fit.processes} and there are {torch.cuda.device_count()} GPUs to be used: "
            "each process needs one"
        )
    if fit.device not in ("cpu", "cuda"):
        raise UserError(f"{fit.processes} processes cannot share {fit.device}: set compute.processes to 1")


def _wait(replicas: Sequence["_Replica"]) -> None:
    """Until all have ended, or one has failed and others had a moment to fail of the same."""
    while True:
        statuses = [replica.process.poll() for replica in replicas]
        if any(statuses) or None not in statuses:
            break
        time.sleep(_POLL)
    if any(statuses):
        time.sleep(_POLL)


class _Replica:
    """One of the processes."""

    _one_at_a_time = threading.Lock()

    def __init__(self, rank: int, task: str, environment: Mapping[str, str]) -> None:
        self.rank = rank
        self.process = subprocess.Popen(
            [sys.executable, "-m", "clipit.training.replica"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
        )
        self._lines = threading.Thread(target=self._pass_on, daemon=True)
        self._lines.start()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died: its status will say so
            self.process.stdin.write(task)
            self.process.stdin.close()

    def _pass_on(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._one_at_a_time:
                sys.stderr.write(f"process {self.rank}: {line}" if self.rank else line)

    def end(self) -> None:
        """Ends it if it has not; its last lines are out after that."""
        self.has_succeeded = self.process.poll() == 0
        self._ended_itself = self.process.returncode is not None
        self.process.kill()
        self.process.wait()
        self._lines.join()
        assert self.process.stdout is not None
        with self.process.stdout as report:
            self._report: dict[str, Any] = json.loads(report.read() or "{}") if self._ended_itself else {}

    @property
    def failed_at(self) -> float:
        """On the system's monotonic clock; one that was killed could not tell, and comes before those that it took
        along; one that this process ended comes last."""
        return float(self._report.get("at", 0.0)) if self._ended_itself else float("inf")

    def error(self) -> Exception:
        """What it failed of."""
        if "user" in self._report:
            return UserError(self._report["user"])
        if "trace" in self._report:
            return RuntimeError(f"process {self.rank} of the training failed:\n{self._report['trace']}")
        status = self.process.returncode
        by = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return UserError(
            f"process {self.rank} of the training {by}: look whether its memory ran out; run again, and the training "
            "goes on from its last validation"
        )


def from_json(given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `train_student`, as `as_json` wrote them."""
    fit: dict[str, Any] = dict(given["fit"])
    fit |= {folder: Path(fit[folder]) for folder in ("checkpoints", "logs") if fit[folder]}
    files = {
        name: [Path(path) for path in paths] if isinstance(paths, list) else Path(paths)
        for name, paths in given["files"].items()
    }
    paths = {"store": Path(given["store"]), "out": Path(given["out"])}
    return {**given, **paths, "files": files, "fit": Fit(**fit), "origin": Origin(**given["origin"])}
