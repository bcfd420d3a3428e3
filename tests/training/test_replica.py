"""What passes between a training's job and its processes."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from clipit.artifacts.provenance import Origin
from clipit.runtime.errors import UserError
from clipit.training.fit import Fit
from clipit.training.replicas import _Replica, _wait, as_json, from_json, train_in_replicas

ARGUMENTS: dict[str, Any] = {
    "store": Path("patches.zarr"),
    "files": {"probe": Path("probe.safetensors"), "image_embeddings": [Path("part-0"), Path("part-1")]},
    "out": Path("run"),
    "backbone": {"name": "local-dir:tower", "image_size": 32},
    "retriever": None,
    "settings": {"lora": {"r": 2}, "batch": 12, "lambda": 0.1, "precision": "fp32"},
    "labels": 0.3,
    "fit": Fit(device="cuda", checkpoints=Path("kept"), logs=None, name="clipit", processes=2),
    "threads": 1,
    "origin": Origin("train_student", {"settings": {"batch": 12}}, "code", 3, {"a": "b"}),
}


def test_a_process_gets_the_arguments_as_they_are() -> None:
    task = json.loads(as_json(ARGUMENTS, 1))
    given = from_json(task["arguments"])
    fit = given.pop("fit")
    assert given == {name: value for name, value in ARGUMENTS.items() if name != "fit"}
    assert fit == Fit(device="cuda", checkpoints=Path("kept"), name="clipit", processes=2, rank=1)
    assert (fit.own_device, fit.is_first, ARGUMENTS["fit"].is_first) == ("cuda:1", False, True)


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (Fit(processes=8), "training.batch 12 does not divide among the 8 processes of compute.processes: make it a "),
        (Fit("cuda:1", processes=2), "2 processes cannot share cuda:1: set compute.processes to 1"),
        (Fit("cuda", processes=12), "compute.processes is 12 and there are [0-9] GPUs to be used: each process needs "),
    ],
)
def test_what_cannot_be_shared_is_refused_in_one_line(fit: Fit, message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        train_in_replicas({**ARGUMENTS, "fit": fit})


def processes_of(folder: Path, *codes: str) -> list[_Replica]:
    """Processes that run `codes` in place of a training, when all have ended or one has failed."""
    replicas = []
    for rank, code in enumerate(codes):
        python = folder / f"python{rank}"
        python.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{code}\n")
        python.chmod(0o755)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "executable", str(python))
            replicas.append(_Replica(rank, "the task", {}))
    _wait(replicas)
    for replica in replicas:
        replica.end()
    return replicas


def test_lines_appear_after_the_rank_of_all_but_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say = "print('read', sys.stdin.read(), file=sys.stderr); print('at end', file=sys.stderr)"
    assert all(replica.has_succeeded for replica in processes_of(tmp_path, say, say))
    lines = capsys.readouterr().err.splitlines()
    second = [line for line in lines if line.startswith("process 1: ")]
    assert [line for line in lines if line not in second] == ["read the task", "at end"]
    assert second == ["process 1: read the task", "process 1: at end"]


SLEEP = "time.sleep(3600)"  # longer than any test may take


def told(kind: str, text: str, at: float) -> str:
    return f"print(json.dumps({{'{kind}': '{text}', 'at': {at}}})); sys.exit(1)"


@pytest.mark.parametrize(
    ("codes", "kind", "message"),
    [
        ([SLEEP, told("user", "lower training.lr", 5)], UserError, "^lower training.lr$"),
        ([told("trace", "lost its peer", 6), told("user", "it was me", 5)], UserError, "^it was me$"),
        ([told("trace", "a defect", 5), SLEEP], RuntimeError, "^process 0 of the training failed:\na defect"),
        (
            [told("trace", "lost its peer", 5), "os.kill(os.getpid(), 9)"],
            UserError,
            "^process 1 of the training was ended by SIGKILL: look whether its memory ran out; run again,",
        ),
        (["sys.exit(3)", SLEEP], UserError, "^process 0 of the training ended with status 3: "),
    ],
)
def test_the_first_to_fail_says_why_and_the_others_are_ended(
    tmp_path: Path, codes: list[str], kind: type[Exception], message: str
) -> None:
    replicas = processes_of(tmp_path, *codes)
    assert all(replica.process.returncode is not None for replica in replicas)
    failed = [replica for replica in replicas if not replica.has_succeeded]
    with pytest.raises(kind, match=message):
        raise min(failed, key=lambda replica: replica.failed_at).error()
