"""The training of a student in Lightning's terms: its losses, its validations, the weights that it keeps."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader

from clipit.encoders.image_transform import ImageTransform
from clipit.models.heads import Contrastive, StudentOutput
from clipit.models.objectives import ContrastiveLoss, CrossEntropy, Distillation, distillation_skill
from clipit.models.student import Student
from clipit.runtime.errors import UserError
from clipit.statistics.metrics import auroc_of, balanced_accuracy_of
from clipit.training.augmentation import Draws, augment
from clipit.training.batches import Step, plan_steps, rounds_of
from clipit.training.history import Best, Means, gathered
from clipit.training.optimisers import optimiser_of, schedule_of
from clipit.training.protocol import PROTOCOLS
from clipit.training.student_data import StudentData, steps_of


class StudentTraining(pl.LightningModule):
    """L = L_CE + lambda * L_KD, or another objective; keeps the trainable weights of the best validation.

    Args:
        student: the student, what trains of it unfrozen.
        transform: from stored patches to its input.
        data: what it learns from.
        settings: what `train_student` takes.
        seed: of the order of the patches and of the augmentation.
    """

    def __init__(
        self, student: Student, transform: ImageTransform, data: StudentData, settings: Mapping[str, Any], seed: int
    ) -> None:
        super().__init__()
        self.strict_loading = False  # a checkpoint holds what trains, and nothing that is frozen
        self.student, self.transform, self.data, self.settings = student, transform, data, settings
        self.protocol = PROTOCOLS[settings["protocol"]]
        self.text_targets = data.text_targets
        self.cross_entropy = CrossEntropy(self.protocol.softmax_twice)
        self.distillation = Distillation(self.protocol.detach_target)
        self.contrastive = ContrastiveLoss(Contrastive.temperature, self.protocol.diagonal) if self._is_clip else None
        plan = plan_steps(
            data.train.numpy(),
            data.unlabelled.numpy(),
            steps=data.steps,
            batch=settings["batch"],
            augment=settings["augment"],
            seed=seed,
        )
        self.rounds = rounds_of(plan, settings["validations"])
        self.history: list[dict[str, float]] = []
        self.best = Best(settings["monitor"], settings["patience"], settings["delta"], self.protocol.patience_watches)
        self.seed = seed
        self._losses = Means()
        self._loss = torch.zeros(())
        self._unchecked: tuple[int, Tensor, Tensor] | None = None
        self._val: list[tuple[Tensor, Tensor, Tensor]] = []
        self._val_targets: Tensor | None = None

    # ---------------------------------------------------------------------------------------------------- its data

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.rounds[self.current_epoch], batch_size=None)

    def val_dataloader(self) -> DataLoader:
        return DataLoader(self.data.val.split(2 * self.settings["batch"]), batch_size=None)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch  # positions stay on the host, where the images are

    def on_fit_start(self) -> None:
        if self.text_targets is not None:
            self.text_targets.to_device(str(self.device))
        if self.data.images is not None:
            self.data = replace(self.data, images=self.data.images.to(self.device))
        self.trainer.should_stop = self.best.has_waited_enough  # it may have been cut off after its last validation

    # -------------------------------------------------------------------------------------------------- its losses

    def training_step(self, step: Step) -> Tensor:
        # Dropout draws by the seed, the step and the process alone: a training that goes on draws the same.
        drawn = np.random.SeedSequence([self.seed, self.global_step, self.global_rank]).generate_state(1, np.uint64)
        torch.manual_seed(int(drawn[0]))
        step = step.part(self.global_rank, self.trainer.world_size)
        output = self._say(step.patches, step.draws)
        losses = self._losses_of(step, output)
        self._losses.add(losses)
        self._loss = losses["train_loss"].detach()
        return losses["train_loss"]

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        """Bounds the gradient's norm; what is no number ends the training."""
        norm = torch.nn.utils.clip_grad_norm_(self._trainable().values(), self.settings["clip"])
        self._check()  # the step before: that the device has done, so it is not waited for
        self._unchecked = self.global_step + 1, self._loss, norm

    def _check(self) -> None:
        """Looks at the step that was not looked at yet.

        Raises:
            UserError: its loss or its gradient is not finite.
        """
        if self._unchecked is None:
            return
        step, *computed = self._unchecked
        self._unchecked = None
        for what, value in zip(("loss", "gradient's norm"), map(float, computed), strict=True):
            if not math.isfinite(value):
                raise UserError(
                    f"the {what} of step {step} is {value}: lower training.lr"
                    + (", or set training.precision to fp32" if self.trainer.precision == "bf16-mixed" else "")
                )

    def _losses_of(self, step: Step, output: StudentOutput) -> dict[str, Tensor]:
        """What is minimised, `train_loss`, and its parts."""
        n, data = step.n_labelled, self.data
        labels = data.labels[step.patches].to(self.device)
        if self.contrastive is not None and output.t_hat is not None:
            images, of = self._of_all(output.t_hat[:n]), self._of_all(labels[:n])
            return {"train_loss": self.contrastive(images, self.student.head.prompts, of)}  # type: ignore[arg-type]
        losses = {"train_ce": self.cross_entropy(output.logits[:n], labels[:n])}
        weight, loss = self._weight, losses["train_ce"]
        if data.pseudo is not None:
            said = data.pseudo[step.patches[n:]].to(self.device)
            losses["train_pseudo_ce"] = self.cross_entropy(output.logits[n:], said)
            loss = loss + weight * losses["train_pseudo_ce"]
        elif self._distils and output.t_hat is not None:
            losses["train_kd"] = self.distillation(output.t_hat, self._target(step.patches)).mean()
            loss = loss + weight * losses["train_kd"]
        return {"train_loss": loss, **losses}

    def _of_all(self, part: Tensor) -> Tensor:
        """The parts of all processes, (B, ...), with their gradients: a loss that compares the patches of a batch."""
        if self.trainer.world_size == 1:
            return part
        everywhere: Tensor = self.all_gather(part, sync_grads=part.requires_grad)
        return everywhere.flatten(0, 1)

    def _say(self, patches: Tensor, draws: Draws | None = None) -> StudentOutput:
        if self.data.features is not None:
            output: StudentOutput = self.student.head(self.data.features[patches].to(self.device))
            return output
        assert self.data.images is not None
        images = self.data.images[patches].to(self.device)
        images = images if draws is None else augment(images, draws)
        return self.student(self.transform(images).contiguous(memory_format=torch.channels_last))

    def _target(self, patches: Tensor) -> Tensor:
        """The targets of `patches`, looked up, or computed where the text tower trains."""
        if self.text_targets is not None:
            if self._val_targets is not None:
                return self._val_targets[patches - len(self.data.labels) + len(self._val_targets)].to(self.device)
            vectors: Tensor = self.text_targets(patches)
            return vectors
        assert self.data.targets is not None
        return self.data.targets[patches].to(self.device)

    # --------------------------------------------------------------------------------------------- its validations

    def validation_step(self, patches: Tensor, batch_idx: int) -> None:
        if batch_idx % self.trainer.world_size != self.global_rank:
            return
        logits, t_hat = self._say(patches)
        kd = torch.empty(0)
        if t_hat is not None and self.data.has_targets:
            kd = self.distillation(t_hat, self._target(patches)).cpu()
        self._val.append((patches, logits.float().cpu(), kd))

    def on_validation_epoch_start(self) -> None:
        self._check()
        if self.text_targets is not None:  # each text once, not once a batch; val patches are the last
            self._val_targets = self.text_targets.of_many(self.data.val)

    def on_validation_epoch_end(self) -> None:
        parts = gathered(self._val)
        self._val, self._val_targets = [], None
        patches, logits, kd = (torch.cat(each) for each in zip(*parts, strict=True))
        order = patches.argsort()
        patches, logits, kd = patches[order], logits[order], kd[order] if len(kd) else kd
        labels = self.data.labels[patches]
        row = {"step": self.global_step, **self._losses.take()}
        row["val_ce"] = float(F.cross_entropy(logits, labels))
        row["val_balanced_accuracy"] = balanced_accuracy_of(labels.numpy(), logits.argmax(dim=-1).numpy())
        row["val_auroc"] = auroc_of(labels.numpy(), logits.softmax(dim=-1).numpy())
        row["val_loss"] = float(self.cross_entropy(logits, labels))
        if len(kd):
            row["val_loss"] += self._weight * float(kd.mean())
            if self.data.targets is not None and self.data.mean_target is not None and self.text_targets is None:
                skill = distillation_skill(kd, self.data.targets[patches], self.data.mean_target)
                row |= {} if skill is None else {"skill": skill}
        self.history.append(row)
        if len(self.history) > 1 or self.protocol.untrained_counts:
            self.best.see(row, self._trainable())
        if self.best.has_waited_enough:
            self.trainer.should_stop = True

    # ------------------------------------------------------------------------------------------------ its weights

    def configure_optimizers(self) -> Any:
        optimiser = optimiser_of(self._trainable().values(), self.settings)
        epoch = steps_of(1, self.settings["batch"], len(self.data.train))
        schedule = schedule_of(optimiser, self.settings, steps=self.data.steps, epoch=epoch)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def restore_best(self) -> None:
        """Puts the kept weights back.

        Raises:
            UserError: no validation gave a number.
        """
        if not self.best.weights:
            raise UserError(f"{self.settings['monitor']} was never a number: lower training.lr")
        with torch.no_grad():
            for name, weight in self._trainable().items():
                weight.copy_(self.best.weights[name])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["state_dict"] = {name: weight.detach() for name, weight in self._trainable().items()}
        checkpoint["training"] = {"history": self.history, "best": self.best.state()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        kept = checkpoint["training"]
        self.history = kept["history"]
        self.best.load(kept["best"])

    @property
    def leaves_weights_out(self) -> bool:
        """Whether some of what could train gets no gradient, because nothing is distilled."""
        return not self._distils and (self.settings["form"] == "direct" or self.text_targets is not None)

    @property
    def _weight(self) -> float:
        """lambda."""
        return float(self.settings.get("lambda", 0.0))

    @property
    def _distils(self) -> bool:
        return bool(self._weight) and self.data.has_targets and self.data.pseudo is None and not self._is_clip

    @property
    def _is_clip(self) -> bool:
        return self.settings["form"] == "contrastive"

    def _trainable(self) -> dict[str, torch.nn.Parameter]:
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}
