"""Several processes that share a training: what one would learn, they learn."""

import contextlib
import csv
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from safetensors.torch import load_file

from clipit.runtime.errors import UserError
from clipit.training.fit import Fit

Train = Callable[..., Path]


def history(run: Path) -> list[dict[str, str]]:
    with open(run / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_two_processes_learn_what_one_learns(student: Train) -> None:
    one, two = (student("report", fit=Fit(processes=n), steps=6, validations=3, unlabelled=True) for n in (1, 2))
    alone, shared = (load_file(run / "student.safetensors") for run in (one, two))
    assert alone.keys() == shared.keys()
    for name, weight in alone.items():
        assert weight.numpy() == pytest.approx(shared[name].numpy(), abs=1e-4), name
    for row, other in zip(history(one), history(two), strict=True):
        for column, value in row.items():
            assert bool(value) == bool(other[column]), column
            if value:
                assert float(value) == pytest.approx(float(other[column]), abs=1e-3), column


def test_contrastive_compares_the_whole_batch_over_processes(student: Train, textual: Any, tmp_path: Path) -> None:
    prompts = textual.class_prompts(student.world.labels, tmp_path / "classes.parquet")  # type: ignore[attr-defined]
    files = {"probe": None, "prompts": prompts}
    about = {"form": "contrastive", "files": files, "backbone": {"retriever": textual.retriever}, "steps": 4}
    one, two = (load_file(student(None, fit=Fit(processes=n), **about) / "student.safetensors") for n in (1, 2))
    assert all(np.allclose(one[name], two[name], atol=1e-4) for name in one)


def test_a_batch_that_does_not_divide_is_refused_before_anything_starts(student: Train) -> None:
    with pytest.raises(UserError, match=r"training\.batch 12 does not divide among the 5 processes"):
        student(None, fit=Fit(processes=5))


def test_what_one_of_them_fails_of_is_said_in_one_line(student: Train, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist") as failed:
        student(None, fit=Fit(processes=2), files={"probe": tmp_path / "nowhere.safetensors"})
    assert "\n" not in str(failed.value)


def test_a_shared_training_leaves_no_state_behind(student: Train, tmp_path: Path) -> None:
    length = {"steps": 4, "validations": 2}
    whole = student("report", fit=Fit(processes=2), **length)
    kept = student("report", fit=Fit(processes=2, checkpoints=tmp_path), **length)
    assert (whole / "student.safetensors").read_bytes() == (kept / "student.safetensors").read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_processes_share_weights_that_no_loss_reaches(student: Train) -> None:
    """Without distillation nothing pulls at h_d, and its gradient is not waited for."""
    run = student("report", fit=Fit(processes=2), form="direct", **{"lambda": 0.0}, steps=2, validations=1)
    assert len(history(run)) == 2


def test_they_speak_to_each_other_where_no_other_machine_can_listen_in(student: Train) -> None:
    heard: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):  # it has just ended
                    opened = process.net_connections("inet")
                    heard.update(each.laddr.ip for each in opened if each.status == psutil.CONN_LISTEN)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        student("report", fit=Fit(processes=2), steps=2, validations=1)
    finally:
        done.set()
        watching.join()
    assert heard and heard <= {"127.0.0.1", "::1"}
