"""The training loop of a student, in Lightning's terms."""

import logging
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.plugins.environments import LightningEnvironment
from torch import Tensor
from torch.utils.data import DataLoader

from clipit.encoders.image_transform import ImageTransform
from clipit.models.objectives import distillation_loss, distillation_skill
from clipit.models.stored_images import StoredImages
from clipit.models.student import Student
from clipit.runtime.progress import Progress
from clipit.training.augmentation import augment
from clipit.training.batches import Step, plan_steps, rounds_of
from clipit.training.scores import balanced_accuracy

ROUNDS = 5
"""Validations of a training, evenly spaced."""


@dataclass(frozen=True)
class StudentData:
    """What a student trains on; positions index the images and the first axis of all tensors.

    Attributes:
        images: read from the store batch by batch.
        labels: int64 (n,); negative where there is none.
        targets: float32 (n, d_txt) text embeddings; None without distillation.
        mean_target: (d_txt,) mean target of all train patches, labelled or not: what a student says that has learned
            nothing of the image. The same for every variant with these targets.
        train, unlabelled, val: positions of labelled train, unlabelled train and labelled val patches.
    """

    images: StoredImages
    labels: Tensor
    targets: Tensor | None
    mean_target: Tensor | None
    train: Tensor
    unlabelled: Tensor
    val: Tensor


@dataclass
class Means:
    """Running means of the train losses between two validations."""

    sums: dict[str, float] = field(default_factory=dict)
    n: int = 0

    def add(self, **losses: Tensor) -> None:
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(loss.detach())
        self.n += 1

    def take(self) -> dict[str, float]:
        means = {name: total / self.n for name, total in self.sums.items()}
        self.sums, self.n = {}, 0
        return means


class StudentTraining(pl.LightningModule):
    """L = L_CE + lambda * L_KD; keeps the trainable weights of the validation with the lowest cross-entropy of y_hat.

    The untrained student (without a text branch, its probe) takes part in that choice.
    """

    def __init__(
        self, student: Student, transform: ImageTransform, data: StudentData, settings: Mapping[str, Any], seed: int
    ) -> None:
        super().__init__()
        self.student, self.transform, self.data, self.settings = student, transform, data, settings
        plan = plan_steps(
            data.train.numpy(),
            data.unlabelled.numpy(),
            steps=settings["steps"],
            batch=settings["batch"],
            augment=settings["augment"],
            seed=seed,
        )
        self.rounds = rounds_of(plan, ROUNDS)
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self._losses = Means()
        self._val: list[tuple[Tensor, Tensor]] = []

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.rounds[self.current_epoch], batch_size=None)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.data.val.split(2 * self.settings["batch"]), batch_size=None)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch  # positions stay on the host, where the images are

    def training_step(self, step: Step) -> Tensor:
        images = augment(self.data.images[step.patches].to(self.device), step.draws)
        logits, t_hat = self.student(self._input(images))
        labels = self.data.labels[step.patches[: step.n_labelled]].to(self.device)
        ce = loss = F.cross_entropy(logits[: step.n_labelled].float(), labels)
        losses = {"train_ce": ce}
        if self.data.targets is not None:
            kd = distillation_loss(t_hat, self.data.targets[step.patches].to(self.device)).mean()
            loss = ce + self.settings["lambda"] * kd
            losses["train_kd"] = kd
        self._losses.add(train_loss=loss, **losses)
        return loss

    def validation_step(self, patches: Tensor) -> None:
        logits, t_hat = self.student(self._input(self.data.images[patches].to(self.device)))
        kd = torch.empty(0)
        if self.data.targets is not None:
            kd = distillation_loss(t_hat, self.data.targets[patches].to(self.device)).cpu()
        self._val.append((logits.float().cpu(), kd))

    def on_validation_epoch_end(self) -> None:
        logits, kd = (torch.cat(parts) for parts in zip(*self._val, strict=True))
        self._val.clear()
        labels = self.data.labels[self.data.val]
        row = {
            "step": self.global_step,
            **self._losses.take(),
            "val_loss": float(F.cross_entropy(logits, labels)),
            "val_balanced_accuracy": balanced_accuracy(labels.numpy(), logits.argmax(dim=-1).numpy()),
        }
        if self.data.targets is not None and self.data.mean_target is not None:
            row["skill"] = distillation_skill(kd, self.data.targets[self.data.val], self.data.mean_target)
        if row["val_loss"] < min((earlier["val_loss"] for earlier in self.history), default=math.inf):
            self.best = {name: weight.detach().clone() for name, weight in self._trainable()}
        self.history.append(row)

    def configure_optimizers(self) -> Any:
        weights = [weight for _, weight in self._trainable()]
        optimiser = torch.optim.AdamW(weights, lr=self.settings["lr"], weight_decay=self.settings["weight_decay"])
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=self.settings["steps"])
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def restore_best(self) -> None:
        """Puts the kept weights back."""
        with torch.no_grad():
            for name, weight in self._trainable():
                weight.copy_(self.best[name])

    def _input(self, images: Tensor) -> Tensor:
        return self.transform(images).contiguous(memory_format=torch.channels_last)

    def _trainable(self) -> list[tuple[str, torch.nn.Parameter]]:
        return [(name, weight) for name, weight in self.student.named_parameters() if weight.requires_grad]


class _ProgressLines(pl.Callback):
    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, *_: Any) -> None:
        self.progress.advance(loss=float(outputs["loss"]))


def _attend_by_matrix_products(module: torch.nn.Module) -> None:
    """Swaps timm's fused attention for the same sums in plain steps: on CPUs the fused backward is the slower one."""
    for part in module.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False  # type: ignore[assignment]


def fit_student(training: StudentTraining, *, device: str, precision: str) -> None:
    """Trains on `device` and leaves the best weights in place. Lightning writes no file and prints nothing."""
    settings = training.settings
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    kind, _, index = device.partition(":")
    with Progress("student", settings["steps"], "steps") as progress, warnings.catch_warnings():
        # One process reads from memory: what Lightning advises on workers does not apply.
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        trainer = pl.Trainer(
            accelerator="gpu" if kind == "cuda" else kind,
            devices=[int(index)] if index else 1,
            precision="bf16-mixed" if precision == "bf16" else "32-true",
            max_epochs=len(training.rounds),
            reload_dataloaders_every_n_epochs=1,
            gradient_clip_val=settings["clip"],
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[_ProgressLines(progress)],
            plugins=[LightningEnvironment()],  # else it takes over inside a SLURM job
        )
        if kind == "cpu":
            _attend_by_matrix_products(training.student)
        training.student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        trainer.validate(training, verbose=False)
        trainer.fit(training)
    training.restore_best()
