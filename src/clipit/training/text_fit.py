"""Fits a text tower's adapters and h_t to the labels, and goes on where it was cut off."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipit.models.heads import TextHead
from clipit.runtime.progress import Progress
from clipit.training.checkpoints import save_state, steps_kept
from clipit.training.examples import Examples
from clipit.training.head_fit import HeadFit, batches_of, finite, validation_cost
from clipit.training.optimisers import optimiser_of, schedule_of
from clipit.training.student_data import steps_of
from clipit.training.text_targets import TextTargets

_ROUNDS = 5
"""Validations; the state is kept at each."""


def fit_text(
    targets: TextTargets,
    head: TextHead,
    examples: Examples,
    settings: Mapping[str, Any],
    seed: int,
    precision: str,
    checkpoint: Path | None,
) -> HeadFit:
    """Trains both by cross-entropy, and puts back the weights of the round that is best on validation (`select`).

    Args:
        targets: the text tower, whose adapters train.
        head: h_t, on the same device.
        examples: the labelled patches.
        settings: as config.training.Head has them.
        seed: of the order of the patches.
        precision: "fp32", or "bf16" for mixed precision of the training steps.
        checkpoint: where the state is kept after each round, and found again; None: nowhere.

    Raises:
        UserError: no validation gave a number.
    """
    train, val = examples.labelled("train"), examples.labelled("val")
    label = torch.from_numpy(examples.label)
    fit = _Fit(targets, head, settings, len(train))
    batches = batches_of(len(train), settings["batch"], np.random.default_rng(seed))
    borders = {-(-fit.steps * i // _ROUNDS) for i in range(1, _ROUNDS + 1)}
    done = fit.go_on(checkpoint)
    with Progress("text teacher", fit.steps, "steps", done=done) as progress:
        for step, chosen in enumerate(itertools.islice(batches, done, fit.steps), start=done + 1):
            rows = torch.from_numpy(train[chosen.numpy()])
            loss = fit.step(rows, label[rows], precision)
            if step in borders:
                fit.validate(step, torch.from_numpy(val), label[val])
                fit.keep(checkpoint, step)
            progress.advance(loss=float(loss))
    return fit.best()


class _Fit:
    """What trains, how, and the best of it so far."""

    def __init__(self, targets: TextTargets, head: TextHead, settings: Mapping[str, Any], n_train: int) -> None:
        self.targets, self.head, self.select = targets, head, settings["select"]
        self.parts = nn.ModuleDict({"head": head, "text": targets})
        self.weights = [weight for weight in self.parts.parameters() if weight.requires_grad]
        epoch = steps_of(1, settings["batch"], n_train)
        self.steps = settings["steps"] or steps_of(settings["epochs"], settings["batch"], n_train)
        self.optimiser = optimiser_of(self.weights, settings)
        self.schedule = schedule_of(self.optimiser, settings, steps=self.steps, epoch=epoch)
        self.device = next(head.parameters()).device
        self.lowest = float("inf")
        self.chosen: dict[str, Any] = {"step": 0, "loss": float("inf"), "weights": self._copied()}

    def step(self, rows: Tensor, labels: Tensor, precision: str) -> Tensor:
        self.parts.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = self.head(self.targets(rows))
        loss = F.cross_entropy(logits.float(), labels.to(self.device))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return loss.detach()

    @torch.no_grad()
    def validate(self, step: int, rows: Tensor, labels: Tensor) -> None:
        said = self.head(self.targets.of_many(rows).to(self.device)).cpu()
        loss = float(F.cross_entropy(said, labels))
        cost = validation_cost(self.select, loss, said, labels)
        if cost < self.lowest:
            self.lowest, self.chosen = cost, {"step": step, "loss": loss, "weights": self._copied()}

    @torch.no_grad()
    def best(self) -> HeadFit:
        for weight, kept in zip(self.weights, self.chosen["weights"], strict=True):
            weight.copy_(kept)
        return finite(HeadFit(self.head, self.chosen["step"], self.chosen["loss"]), "text teacher")

    def keep(self, checkpoint: Path | None, step: int) -> None:
        """Writes the state after `step` steps: the order of the patches is drawn anew from its seed."""
        if checkpoint is None:
            return
        state = {
            "global_step": step,
            "weights": self._copied(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state(),
            "device_random": torch.cuda.get_rng_state(self.device) if self._on_a_card else None,
            "lowest": self.lowest,
            "chosen": self.chosen,
        }
        save_state(checkpoint, state)

    def go_on(self, checkpoint: Path | None) -> int:
        """Takes up the state that is kept there; the steps that it has behind it."""
        done = steps_kept(checkpoint)
        if done is None or checkpoint is None:
            return 0
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        with torch.no_grad():
            for weight, kept in zip(self.weights, state["weights"], strict=True):
                weight.copy_(kept)
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"])
        if self._on_a_card and state["device_random"] is not None:
            torch.cuda.set_rng_state(state["device_random"], self.device)
        self.lowest, self.chosen = state["lowest"], state["chosen"]
        return done

    @property
    def _on_a_card(self) -> bool:
        return self.device.type == "cuda"

    def _copied(self) -> list[Tensor]:
        return [weight.detach().clone() for weight in self.weights]
