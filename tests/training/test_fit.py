"""What ends a training, what it keeps, and how fast it learns."""

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from clipit.artifacts.schemas import predictions
from clipit.artifacts.tables import read_table
from clipit.runtime.errors import UserError
from clipit.training.history import Best, Means
from clipit.training.protocol import PROTOCOLS
from clipit.training.student_training import StudentTraining

MONITORS = ("val_ce", "val_loss", "val_balanced_accuracy", "val_auroc")


def history(run: Path) -> list[dict[str, float]]:
    with open(run / "history.csv", newline="") as file:
        return [{name: float(value or "nan") for name, value in row.items()} for row in csv.DictReader(file)]


# ----------------------------------------------------------------------------------------------- what is no number


@pytest.mark.parametrize(("precision", "also"), [("fp32", ""), ("bf16", ", or set training.precision to fp32")])
def test_a_loss_that_is_no_number_ends_in_one_line(student: Callable[..., Path], precision: str, also: str) -> None:
    from clipit.training.fit import Fit

    with pytest.raises(UserError) as error:
        student("report", lr=1e30, clip=1e30, precision=precision, fit=Fit(precision=precision))
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(("the loss of step 2 is", "the loss of step 3 is", "the gradient's norm of step 2 is"))
    assert message.endswith(f": lower training.lr{also}")


class _InfiniteGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # type: ignore[override]
        return gradients[0] * float("inf")


@pytest.mark.parametrize(("at", "steps"), [(1, 6), (3, 6), (2, 2)])  # within a round, before a validation, the last one
def test_a_gradient_that_is_no_number_ends_in_one_line(
    student: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at: int, steps: int
) -> None:
    from clipit.training.fit import Fit

    step = StudentTraining.training_step

    def stepping(self: StudentTraining, batch: Any) -> Tensor:
        loss = step(self, batch)
        return _InfiniteGradient.apply(loss) if self.global_step == at - 1 else loss  # type: ignore[no-untyped-call]

    monkeypatch.setattr(StudentTraining, "training_step", stepping)
    with pytest.raises(UserError, match=rf"^the gradient's norm of step {at} is (inf|nan): lower training.lr$"):
        student("report", steps=steps, validations=2, fit=Fit(checkpoints=tmp_path / "kept"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_gradient_is_bounded(student: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    norms = []
    clip = StudentTraining.configure_gradient_clipping

    def measured(self: StudentTraining, *arguments: Any, **named: Any) -> None:
        clip(self, *arguments, **named)
        squares = [float(weight.grad.square().sum()) for weight in self.parameters() if weight.grad is not None]
        norms.append(math.sqrt(sum(squares)))

    monkeypatch.setattr(StudentTraining, "configure_gradient_clipping", measured)
    student("report", steps=3, validations=1, clip=0.01)
    assert norms == pytest.approx([0.01] * 3, rel=1e-3)


# -------------------------------------------------------------------------------------------------- what it keeps


@pytest.mark.parametrize("monitor", MONITORS)
def test_the_monitor_chooses_the_weights(student: Callable[..., Path], monitor: str) -> None:
    run = student("report", monitor=monitor, lr=0.2, steps=8, validations=8)
    rows = history(run)
    values = [-row[monitor] if monitor in ("val_balanced_accuracy", "val_auroc") else row[monitor] for row in rows]
    chosen = rows[int(np.argmin(values))]
    table = read_table(run / "predictions.parquet", predictions.SCHEMA).table.to_pylist()
    said = np.mean([-np.log(row["prob"][row["label"]]) for row in table if row["split"] == "val"])
    assert said == pytest.approx(chosen["val_ce"], rel=1e-3, abs=1e-4)
    assert chosen is not rows[-1]


@pytest.mark.parametrize(("monitor", "chosen"), list(zip(MONITORS, (1, 2, 3, 2), strict=True)))
def test_of_equals_the_first_is_kept(monitor: str, chosen: int) -> None:
    best = Best(monitor, None, 0.0, "monitor")
    columns = {
        "val_ce": [3, 1, 2, 1, 2],
        "val_loss": [3, 2, 1, 2, 1],
        "val_balanced_accuracy": [0.1, 0.2, 0.3, 0.5, 0.5],
        "val_auroc": [0.6, 0.6, 0.9, 0.8, 0.9],
    }
    for i in range(5):
        best.see({name: values[i] for name, values in columns.items()}, {"w": torch.tensor(float(i))})
    assert best.weights["w"] == chosen


def test_what_is_no_number_is_never_the_best() -> None:
    best = Best("val_ce", 1, 0.0, "monitor")
    for i, value in enumerate((float("nan"), 0.5, float("nan"), 0.4)):
        best.see({"val_ce": value}, {"w": torch.tensor(float(i))})
    assert best.weights["w"] == 3


def test_the_released_code_does_not_count_the_untrained_student(student: Callable[..., Path]) -> None:
    """Its learning rate is so large that every validation after the first is worse."""
    start = {"lr": 3.0, "clip": 10.0, "steps": 2, "validations": 2, "monitor": "val_ce"}
    best = {}
    for protocol in ("corrected", "upstream"):
        run = student("report", protocol=protocol, **start)
        rows = history(run)
        assert rows[0]["val_ce"] < min(row["val_ce"] for row in rows[1:])
        table = read_table(run / "predictions.parquet", predictions.SCHEMA).table.to_pylist()
        said = np.mean([-np.log(max(row["prob"][row["label"]], 1e-12)) for row in table if row["split"] == "val"])
        best[protocol] = said == pytest.approx(rows[0]["val_ce"], rel=1e-3)
    assert best == {"corrected": True, "upstream": False}


# ------------------------------------------------------------------------------------------------------ when it stops


@pytest.mark.parametrize(("protocol", "validations"), [("corrected", 1 + 1), ("upstream", 1 + 2)])
def test_patience_ends_a_training(student: Callable[..., Path], protocol: str, validations: int) -> None:
    """Nothing is better by 100: the first that counts is the best. `upstream` waits for the train loss, which the
    untrained student has not."""
    run = student("report", protocol=protocol, steps=8, validations=4, patience=1, delta=100.0)
    assert [row["step"] for row in history(run)] == [2 * i for i in range(validations)]


@pytest.mark.parametrize("protocol", ["corrected", "upstream"])
@pytest.mark.parametrize("falls", ["val_ce", "train_loss"])
def test_patience_waits_for_what_the_protocol_watches(protocol: str, falls: str) -> None:
    best = Best("val_ce", 2, 0.0, PROTOCOLS[protocol].patience_watches)
    for i in range(1, 6):
        row = {"val_ce": 1.0, "train_loss": 1.0} | {falls: 1 / i}
        best.see(row, {})
    watched = {"corrected": "val_ce", "upstream": "train_loss"}[protocol]
    assert best.has_waited_enough == (falls != watched)


def test_patience_starts_anew_with_every_better_one_and_survives_being_stored() -> None:
    best = Best("val_balanced_accuracy", 2, 0.1, "monitor")
    enough = []
    for value in (0.5, 0.55, 0.7, 0.75, 0.79, 0.9):  # by more than 0.1: the third, measured from the first
        other = Best("val_balanced_accuracy", 2, 0.1, "monitor")
        other.load(best.state())
        for one in (best, other):
            one.see({"val_balanced_accuracy": value}, {"w": torch.tensor(value)})
        assert other.state() == best.state()
        enough.append(best.has_waited_enough)
    assert enough == [False, False, False, False, True, False]


def test_means_are_over_the_steps_since_the_last() -> None:
    means = Means()
    assert means.take() == {}
    for loss in (1.0, 2.0, 6.0):
        means.add({"train_loss": torch.tensor(loss)})
    assert means.take() == {"train_loss": 3.0}
    means.add({"train_loss": torch.tensor(5.0)})
    assert means.take() == {"train_loss": 5.0}


# ---------------------------------------------------------------------------------------------- how fast it learns


def test_a_training_follows_its_schedule_step_by_step(
    student: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    clip = StudentTraining.configure_gradient_clipping

    def noted(self: StudentTraining, optimizer: torch.optim.Optimizer, *rest: Any, **named: Any) -> None:
        taken.append(optimizer.param_groups[0]["lr"])
        clip(self, optimizer, *rest, **named)

    monkeypatch.setattr(StudentTraining, "configure_gradient_clipping", noted)
    settings = {"schedule": "cosine", "schedule_steps": 9, "lr": 0.1, "lr_end": 0.01}
    student("report", steps=6, validations=3, **settings)
    assert taken == pytest.approx([0.01 + 0.09 * (1 + math.cos(math.pi * step / 9)) / 2 for step in range(6)])


def test_dropout_acts_in_training_alone(student: Callable[..., Path]) -> None:
    lora = {"r": 2, "alpha": 4, "modules": None, "split_qkv": False}
    runs = [student("report", steps=2, validations=1, lora=lora | {"dropout": dropout}) for dropout in (0.0, 0.5, 0.5)]
    weights = [load_file(run / "student.safetensors") for run in runs]
    changed = [name for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])]
    assert any(name.startswith("backbone.") for name in changed)
    assert all(torch.equal(weights[1][name], weights[2][name]) for name in weights[0])
    assert len({(row["val_ce"], row["skill"]) for row in (history(run)[0] for run in runs)}) == 1
