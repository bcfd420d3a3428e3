"""Runs a training in Lightning: where it computes, and how it goes on after it was cut off."""

import atexit
import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy

from clipit.runtime.progress import Progress
from clipit.training.checkpoints import KeepState, WholeFiles, steps_kept
from clipit.training.loggers import LogHistory, open_loggers
from clipit.training.student_training import StudentTraining

MEETING = "CLIPIT_MEETING"
"""The variable that names the file by which the processes of a training find each other."""


@dataclass(frozen=True)
class Fit:
    """Where and how a training is computed; none of it decides what is learned, but for `precision` and rounding.

    Attributes:
        device: a torch device; with several processes `cuda` stands for as many cards.
        batch: patches at a time in prediction.
        precision: "fp32", or "bf16" for mixed precision.
        checkpoints: folder where a training that was cut off is found again; None: it starts anew.
        logs: folder of TensorBoard's files; None: none are written.
        name: what the run is called by Weights & Biases, which is asked where WANDB_PROJECT names a project.
        processes: processes that share the training, each with a part of every batch.
        rank: which of them this is, from 0; None: it has to start them (`replicas`).
    """

    device: str = "cpu"
    batch: int = 64
    precision: str = "fp32"
    checkpoints: Path | None = None
    logs: Path | None = None
    name: str = ""
    processes: int = 1
    rank: int | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process writes what there is to write."""
        return not self.rank

    @property
    def own_device(self) -> str:
        """The torch device of this process."""
        return f"cuda:{self.rank}" if self.rank is not None and self.device == "cuda" else self.device


def fit_student(training: StudentTraining, fit: Fit, checkpoint: Path | None) -> None:
    """Trains and leaves the best weights in place.

    After every validation the state goes into `checkpoint`: the same training, killed and started again, goes on from
    there and ends with the same weights.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        trainer = _trainer(training, fit)
        if fit.processes > 1:
            _meet(fit)
        trainer.strategy.setup_environment()
        done = steps_kept(checkpoint) if fit.is_first else None
        done = trainer.strategy.broadcast(done)
        if fit.is_first:
            progress = Progress("student", training.data.steps, "steps", done=done or 0)
            trainer.callbacks.append(_ProgressLines(stack.enter_context(progress)))
            trainer.callbacks.append(LogHistory(stack.enter_context(open_loggers(fit.logs, fit.name))))
        if checkpoint is not None:
            trainer.callbacks.append(KeepState(checkpoint))
        if fit.device == "cpu":
            _attend_by_matrix_products(training.student)
        training.student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        training.train()  # pretrained towers come in evaluation mode, in which no dropout acts; Lightning leaves it
        if done is None:
            trainer.fit(training)
        else:
            trainer.num_sanity_val_steps = 0  # its first validation is in the history
            trainer.fit(training, ckpt_path=checkpoint, weights_only=True)
    training.restore_best()


def _trainer(training: StudentTraining, fit: Fit) -> pl.Trainer:
    return pl.Trainer(
        **_where(training, fit),
        precision="bf16-mixed" if fit.precision == "bf16" else "32-true",
        max_epochs=len(training.rounds),
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=-1,  # the student as it starts is validated too
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        deterministic="warn" if fit.device.startswith("cuda") else False,  # a CPU's kernels are so by themselves
        plugins=[LightningEnvironment(), WholeFiles()],  # Lightning's own environment, inside a SLURM job too
    )


def _where(training: StudentTraining, fit: Fit) -> dict[str, Any]:
    """The trainer's accelerator, devices and strategy."""
    kind, _, index = fit.device.partition(":")
    accelerator = "gpu" if kind == "cuda" else kind
    if fit.processes == 1:
        return {"accelerator": accelerator, "devices": [int(index)] if index else 1}
    strategy = DDPStrategy(
        process_group_backend=_backend(fit),
        broadcast_buffers=False,  # they are frozen
        find_unused_parameters=training.leaves_weights_out,
    )
    return {"accelerator": accelerator, "devices": fit.processes, "strategy": strategy}


def _meet(fit: Fit) -> None:
    """Joins the processes of a training by a file: torch's own way opens a port to the whole network."""
    where = f"file://{os.environ[MEETING]}"
    torch.distributed.init_process_group(_backend(fit), where, rank=fit.rank or 0, world_size=fit.processes)
    if _backend(fit) == "nccl":
        atexit.register(torch.distributed.destroy_process_group)  # as Lightning does where it joins them


def _backend(fit: Fit) -> str:
    return "nccl" if fit.device.startswith("cuda") else "gloo"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advice: one process reads from memory, so what it says of workers does not apply."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        yield


class _ProgressLines(pl.Callback):
    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, *_: Any) -> None:
        self.progress.advance(loss=outputs["loss"])  # a tensor: asked for its value, it waits for the device


def _attend_by_matrix_products(module: torch.nn.Module) -> None:
    """Swaps timm's fused attention for the same sums in plain steps: on CPUs the fused backward is the slower one."""
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False  # type: ignore[assignment]
