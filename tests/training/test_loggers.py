"""Where a training can be watched."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.training.test_resume import cut_after

from clipit.training.fit import Fit
from clipit.training.loggers import open_loggers

LENGTH = {"steps": 6, "validations": 3}


def history(run: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, value) by column, as history.csv has them."""
    columns: dict[str, list[tuple[int, float]]] = {}
    with open(run / "history.csv", newline="") as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if name != "step" and value:
                    columns.setdefault(name, []).append((int(row["step"]), float(value)))
    return columns


def logged(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The same, as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: [(one.step, one.value) for one in events.Scalars(name)] for name in events.Tags()["scalars"]}


def assert_same(run: Path) -> None:
    shown, rows = logged(run / "tensorboard"), history(run)
    assert shown.keys() == rows.keys()
    for name, points in rows.items():
        assert [step for step, _ in shown[name]] == [step for step, _ in points]
        assert [value for _, value in shown[name]] == pytest.approx([value for _, value in points], rel=1e-5)


@pytest.fixture
def no_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    monkeypatch.setitem(sys.modules, "wandb", None)  # who imports it fails


@pytest.mark.usefixtures("no_project")
@pytest.mark.parametrize("rounds", [None, 1, 3])
def test_tensorboard_shows_the_history(student: Callable[..., Path], tmp_path: Path, rounds: int | None) -> None:
    """That of a training which was cut off, too: no point is shown twice or missing."""
    fit = Fit(checkpoints=tmp_path / "kept", logs=tmp_path / "tensorboard")
    if rounds:
        with cut_after(rounds):
            student("report", fit=fit, out=tmp_path, **LENGTH)
        assert [step for step, _ in logged(tmp_path / "tensorboard")["val_ce"]] == [2 * i for i in range(rounds + 1)]
    student("report", fit=fit, out=tmp_path, **LENGTH)
    assert_same(tmp_path)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1


@pytest.mark.usefixtures("no_project")
def test_a_training_that_starts_anew_leaves_no_older_points(student: Callable[..., Path], tmp_path: Path) -> None:
    for seed in (0, 1):
        student("report", fit=Fit(logs=tmp_path / "tensorboard"), out=tmp_path, seed=seed, steps=2, validations=1)
    assert_same(tmp_path)


def test_weights_and_biases_are_told_where_a_project_is_named(
    student: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    wandb = pytest.importorskip("wandb")
    for name, value in {"WANDB_PROJECT": "clipit-test", "WANDB_MODE": "offline"}.items():
        monkeypatch.setenv(name, value)
    for name in ("WANDB_API_KEY", "WANDB_SILENT", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    run = student(
        "report", fit=Fit(logs=tmp_path / "run" / "tensorboard", name="clipit seed 0"), out=tmp_path / "run", **LENGTH
    )
    assert wandb.run is None  # it was closed
    (folder,) = (run / "tensorboard" / "wandb").glob("offline-run-*")
    (file,) = folder.glob("*.wandb")
    content = file.read_bytes()
    assert b"clipit seed 0" in content and b"clipit-test" in content and b"val_balanced_accuracy" in content
    assert_same(run)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["run"]
    assert "wandb" not in "".join(capfd.readouterr())


def test_a_training_goes_on_without_weights_and_biases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wandb = pytest.importorskip("wandb")

    def init(**_: object) -> None:
        raise OSError("no route to it\nand much more")

    monkeypatch.setenv("WANDB_PROJECT", "clipit-test")
    monkeypatch.setattr(wandb, "init", init)
    with open_loggers(tmp_path, "name") as writers:
        assert len(writers) == 1
        writers[0]({"val_ce": 0.5}, 3)
    assert logged(tmp_path) == {"val_ce": [(3, 0.5)]}
    assert capsys.readouterr().err == ("clipit: Weights & Biases does not log this training: no route to it\n")


def test_without_a_folder_nothing_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "clipit-test")
    monkeypatch.setitem(sys.modules, "wandb", None)
    with open_loggers(None, "name") as writers:
        assert writers == []
