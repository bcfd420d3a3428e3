"""Runs a training in Lightning: where it computes, what it logs, how it goes on after it was killed."""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy

from clipit.artifacts.provenance import json_digest
from clipit.runtime.progress import Progress
from clipit.sources.file_lock import alone
from clipit.training.student_training import StudentTraining


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
    """

    device: str = "cpu"
    batch: int = 64
    precision: str = "fp32"
    checkpoints: Path | None = None
    logs: Path | None = None
    name: str = ""
    processes: int = 1


def fit_student(training: StudentTraining, fit: Fit, out: Path, provenance: Mapping[str, Any]) -> bool:
    """Trains and leaves the best weights in place; whether this is the process that writes the results.

    After every validation the state goes into `fit.checkpoints`, under a name made of `provenance`: the same training,
    killed and started again, goes on from there and ends with the same weights. One that differs in an input, a
    parameter, the code or a library's version starts anew.
    """
    first = int(os.environ.get("LOCAL_RANK", "0")) == 0
    with contextlib.ExitStack() as stack:
        checkpoint = None
        if fit.checkpoints is not None:
            fit.checkpoints.mkdir(parents=True, exist_ok=True)
            checkpoint = fit.checkpoints / f"{json_digest(provenance)[:16]}.ckpt"
            if first:
                stack.enter_context(alone(checkpoint.with_suffix(".lock"), "training the same student"))
        _run(training, fit, checkpoint, _loggers(fit) if first else [])
        if checkpoint is not None and first:
            checkpoint.unlink(missing_ok=True)
    training.restore_best()
    return first


def _run(training: StudentTraining, fit: Fit, checkpoint: Path | None, loggers: list[Logger]) -> None:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    going_on = checkpoint is not None and checkpoint.exists()
    with Progress("student", training.data.steps, "steps") as progress, _quiet():
        callbacks: list[pl.Callback] = [_ProgressLines(progress)]
        if checkpoint is not None:
            callbacks.append(_Checkpoints(checkpoint))
        trainer = pl.Trainer(
            **_where(fit),
            precision="bf16-mixed" if fit.precision == "bf16" else "32-true",
            max_epochs=len(training.rounds),
            reload_dataloaders_every_n_epochs=1,
            gradient_clip_val=training.settings["clip"],
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            logger=loggers,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=callbacks,
            plugins=[LightningEnvironment()],  # else it takes over inside a SLURM job
        )
        if fit.device == "cpu":
            _attend_by_matrix_products(training.student)
        training.student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if not going_on:
            trainer.validate(training, verbose=False)
        trainer.fit(training, ckpt_path=checkpoint if going_on else None, weights_only=True if going_on else None)


def _where(fit: Fit) -> dict[str, Any]:
    """The trainer's accelerator, devices and strategy."""
    kind, _, index = fit.device.partition(":")
    accelerator = "gpu" if kind == "cuda" else kind
    if fit.processes == 1:
        return {"accelerator": accelerator, "devices": [int(index)] if index else 1}
    strategy = DDPStrategy(process_group_backend="nccl" if kind == "cuda" else "gloo")
    return {"accelerator": accelerator, "devices": fit.processes, "strategy": strategy}


def _loggers(fit: Fit) -> list[Logger]:
    loggers: list[Logger] = []
    if fit.logs is not None:
        loggers.append(TensorBoardLogger(fit.logs, name="", version=""))
    if project := os.environ.get("WANDB_PROJECT"):
        from pytorch_lightning.loggers import WandbLogger

        loggers.append(WandbLogger(project=project, name=fit.name, save_dir=fit.logs or "."))
    return loggers


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advice: one process reads from memory, so what it says of workers does not apply."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        yield


class _ProgressLines(pl.Callback):
    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.progress.done = trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, *_: Any) -> None:
        self.progress.advance(loss=float(outputs["loss"]))


class _Checkpoints(pl.Callback):
    """The whole state after every round, in place of the last one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        temporary = self.path.with_suffix(".writing")
        trainer.save_checkpoint(temporary)
        if trainer.is_global_zero:
            os.replace(temporary, self.path)


def _attend_by_matrix_products(module: torch.nn.Module) -> None:
    """Swaps timm's fused attention for the same sums in plain steps: on CPUs the fused backward is the slower one."""
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False  # type: ignore[assignment]
