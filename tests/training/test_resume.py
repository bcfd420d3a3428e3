"""A training that is cut off, and goes on where it was."""

import contextlib
import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from clipit.training.checkpoints import KeepState, resumable, steps_kept
from clipit.training.fit import Fit
from clipit.training.student_training import StudentTraining

WRITTEN = ("student.safetensors", "student.json", "history.csv", "predictions.parquet")
LENGTH = {"steps": 6, "validations": 3}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout": {
        "lora": {"r": 2, "alpha": 4, "dropout": 0.3, "modules": None, "split_qkv": False},
        "optimiser": "adam",
        "schedule": "cosine",
        "lr_end": 1e-4,
    },
    "sgd": {"optimiser": "sgd", "schedule": "constant", "unlabelled": True},
}


class Cut(Exception):
    pass


def written(run: Path) -> dict[str, str]:
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in WRITTEN}


@pytest.fixture
def steps_taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that are computed, in their order."""
    taken: list[int] = []
    step = StudentTraining.training_step

    def counted(self: StudentTraining, batch: Any) -> torch.Tensor:
        taken.append(self.global_step)
        return step(self, batch)

    monkeypatch.setattr(StudentTraining, "training_step", counted)
    return taken


@contextlib.contextmanager
def cut_after(rounds: int) -> Iterator[None]:
    """Trainings within end when they have kept their state that many times."""
    keep, times = KeepState.on_train_epoch_end, itertools.count(1)

    def keep_and_end(self: KeepState, *arguments: Any) -> None:
        keep(self, *arguments)
        if next(times) == rounds:
            raise Cut

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Cut):
        patch.setattr(KeepState, "on_train_epoch_end", keep_and_end)
        yield


@contextlib.contextmanager
def cut_at_step(number: int) -> Iterator[None]:
    """Trainings within end before that step, in the middle of a round."""
    step = StudentTraining.training_step

    def stepping(self: StudentTraining, batch: Any) -> torch.Tensor:
        if self.global_step == number:
            raise Cut
        return step(self, batch)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Cut):
        patch.setattr(StudentTraining, "training_step", stepping)
        yield


@pytest.fixture(scope="module")
def whole(student: Callable[..., Path]) -> Callable[[str], dict[str, str]]:
    """What a training leaves that was never cut off."""
    done: dict[str, dict[str, str]] = {}

    def of(name: str) -> dict[str, str]:
        if name not in done:
            done[name] = written(student("report", **LENGTH, **SETTINGS[name]))
        return done[name]

    return of


@pytest.mark.parametrize(("name", "rounds"), [("plain", 1), ("plain", 2), ("plain", 3), ("dropout", 1), ("sgd", 2)])
def test_a_training_cut_off_after_any_round_ends_as_if_it_had_not_been(
    student: Callable[..., Path],
    whole: Callable[[str], dict[str, str]],
    steps_taken: list[int],
    tmp_path: Path,
    name: str,
    rounds: int,
) -> None:
    fit = Fit(checkpoints=tmp_path / "kept")
    with cut_after(rounds):
        student("report", fit=fit, **LENGTH, **SETTINGS[name])
    assert [path.suffix for path in (tmp_path / "kept").iterdir()] == [".ckpt"]
    run = student("report", fit=fit, **LENGTH, **SETTINGS[name])
    assert steps_taken == list(range(6))
    assert written(run) == whole(name)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_training_may_be_cut_off_again_and_again_in_the_middle_of_a_round(
    student: Callable[..., Path], whole: Callable[[str], dict[str, str]], steps_taken: list[int], tmp_path: Path
) -> None:
    expected, fit = whole("dropout"), Fit(checkpoints=tmp_path)
    steps_taken.clear()
    for step in (1, 3, 5):
        with cut_at_step(step):
            student("report", fit=fit, **LENGTH, **SETTINGS["dropout"])
    assert written(student("report", fit=fit, **LENGTH, **SETTINGS["dropout"])) == expected
    assert steps_taken == [0, 0, 1, 2, 2, 3, 4, 4, 5]


@pytest.mark.parametrize("changed", [{"seed": 1}, {"code": "newer"}, {"lr": 0.02}])
def test_another_training_does_not_go_on_from_it(
    student: Callable[..., Path], steps_taken: list[int], tmp_path: Path, changed: dict[str, Any]
) -> None:
    fit = Fit(checkpoints=tmp_path)
    with cut_after(1):
        student("report", fit=fit, **LENGTH)
    kept = list(tmp_path.iterdir())
    steps_taken.clear()
    student("report", fit=fit, **LENGTH, **changed)
    assert steps_taken == list(range(6))
    assert list(tmp_path.iterdir()) == kept


@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_a_damaged_state_is_set_aside_in_one_line(
    student: Callable[..., Path],
    whole: Callable[[str], dict[str, str]],
    steps_taken: list[int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    share: float,
) -> None:
    expected, fit = whole("plain"), Fit(checkpoints=tmp_path)
    with cut_after(1):
        student("report", fit=fit, **LENGTH)
    (kept,) = tmp_path.iterdir()
    content = kept.read_bytes()
    kept.write_bytes(content[: int(share * len(content))])
    steps_taken.clear()
    capsys.readouterr()
    assert written(student("report", fit=fit, **LENGTH)) == expected
    assert steps_taken == list(range(6))
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("clipit: ")]
    assert said == [f"clipit: {kept} is damaged and set aside: the training starts anew"]


def test_other_bytes_are_no_state(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    for content in (b"no checkpoint at all", b"\x80\x02cos\nsystem\nU\x04trueR.", b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        assert steps_kept(path) is None
        assert path.with_suffix(".damaged").read_bytes() == content


def test_the_state_holds_what_trains_and_needs_no_unpickling(student: Callable[..., Path], tmp_path: Path) -> None:
    with cut_after(2):
        student("report", fit=Fit(checkpoints=tmp_path), **LENGTH, **SETTINGS["dropout"])
    (path,) = tmp_path.iterdir()
    state = torch.load(path, weights_only=True)
    assert state["global_step"] == steps_kept(path) == 4
    assert all("lora_" in name or ".head." in f".{name}" for name in state["state_dict"])
    assert [row["step"] for row in state["training"]["history"]] == [0, 2, 4]
    assert state["training"]["best"]["weights"].keys() == state["state_dict"].keys()
    assert len(state["optimizer_states"][0]["state"]) == len(state["state_dict"])


@pytest.mark.parametrize(("patience", "rounds"), [(1, 1), (2, 1)])
def test_early_stopping_survives(
    student: Callable[..., Path], steps_taken: list[int], tmp_path: Path, patience: int, rounds: int
) -> None:
    settings = {"steps": 8, "validations": 4, "patience": patience, "delta": 100.0}
    with cut_after(rounds):
        student("report", fit=Fit(checkpoints=tmp_path), **settings)
    resumed = written(student("report", fit=Fit(checkpoints=tmp_path), **settings))
    assert steps_taken == list(range(2 * patience))
    assert resumed == written(student("report", **settings))


# ---------------------------------------------------------------------------------------------------------- its file


def test_the_file_goes_when_all_went_well_and_stays_otherwise(tmp_path: Path) -> None:
    with pytest.raises(Cut), resumable(tmp_path / "kept", {"seed": 0}, first=True) as path:
        assert path is not None
        path.write_text("state")
        path.with_suffix(".damaged").write_text("an earlier one")
        path.with_name(f".{path.stem}.0.ckpt").write_text("half of one")
        raise Cut
    with resumable(tmp_path / "kept", {"seed": 0}, first=True) as again:
        assert again == path and path.read_text() == "state"
        assert not path.with_name(f".{path.stem}.0.ckpt").exists()
    assert list((tmp_path / "kept").iterdir()) == []


def test_without_a_folder_nothing_is_kept() -> None:
    with resumable(None, {}, first=True) as path:
        assert path is None and steps_kept(path) is None


def test_only_the_first_process_holds_and_removes_the_file(tmp_path: Path) -> None:
    with resumable(tmp_path, {}, first=True) as path, resumable(tmp_path, {}, first=False) as same:
        assert same == path
        assert path is not None and path.with_suffix(".lock").exists()
        path.write_text("state")
    assert not path.exists()


def test_the_same_training_waits_for_the_one_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = []

    def second() -> None:
        with resumable(tmp_path, {"seed": 0}, first=True):
            order.append("second")

    with resumable(tmp_path, {"seed": 0}, first=True), resumable(tmp_path, {"seed": 1}, first=True):
        thread = threading.Thread(target=second)
        thread.start()
        deadline = time.monotonic() + 30
        said = ""
        while "waiting for it" not in said and time.monotonic() < deadline:
            said += capsys.readouterr().err
            time.sleep(0.01)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert said == "clipit: another process is training the same model: waiting for it\n"
    assert list(tmp_path.iterdir()) == []
