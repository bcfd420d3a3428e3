"""Where a training can be watched: TensorBoard, and Weights & Biases where it is asked for."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytorch_lightning as pl

from clipit.training.student_training import StudentTraining

Write = Callable[[dict[str, float], int], None]
"""Takes the figures of a validation and the step that it came after."""


@contextlib.contextmanager
def open_loggers(folder: Path | None, name: str) -> Iterator[list[Write]]:
    """Opens them, and closes them when the context ends.

    Args:
        folder: of TensorBoard's files and those of Weights & Biases; None: nothing is logged.
        name: what Weights & Biases, which is asked where WANDB_PROJECT names a project, calls the run.
    """
    with contextlib.ExitStack() as stack:
        writers: list[Write] = []
        if folder is not None:
            writers.append(stack.enter_context(_tensorboard(folder)))
            if project := os.environ.get("WANDB_PROJECT"):
                writers += stack.enter_context(_weights_and_biases(folder, project, name))
        yield writers


@contextlib.contextmanager
def _tensorboard(folder: Path) -> Iterator[Write]:
    # Imported here: a second.
    from torch.utils.tensorboard import SummaryWriter

    # Of a training that was cut off: the whole history is written anew, and curves have no double points.
    for events in folder.glob("events.out.tfevents.*"):
        events.unlink()
    with SummaryWriter(folder) as writer:

        def write(figures: dict[str, float], step: int) -> None:
            for figure, value in figures.items():
                writer.add_scalar(figure, value, step)
            writer.flush()

        yield write


@contextlib.contextmanager
def _weights_and_biases(folder: Path, project: str, name: str) -> Iterator[list[Write]]:
    """Not an end of the training where it cannot be reached: that is said, and nothing is logged there."""
    import wandb

    settings = wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run = wandb.init(project=project, name=name or None, dir=folder, settings=settings)
    except (wandb.Error, OSError) as error:
        why = str(error).strip().splitlines()
        print(f"clipit: Weights & Biases does not log this training: {why[0] if why else repr(error)}", file=sys.stderr)
        yield []
        return
    with run:
        yield [lambda figures, step: run.log(figures, step=step)]


class LogHistory(pl.Callback):
    """Writes every row of the history once; those of a training that goes on, again from the first."""

    def __init__(self, writers: Sequence[Write]) -> None:
        self.writers, self.written = writers, 0

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._write(module)

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._write(module)  # of a training that had ended before it was cut off

    def _write(self, module: pl.LightningModule) -> None:
        assert isinstance(module, StudentTraining)
        for row in module.history[self.written :]:
            figures = {name: value for name, value in row.items() if name != "step"}
            for write in self.writers:
                write(figures, int(row["step"]))
        self.written = len(module.history)
