"""Fits a head to cached features: the probe and the teacher."""

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipit.models.objectives import CrossEntropy
from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress
from clipit.statistics.metrics import balanced_accuracy_of
from clipit.training.optimisers import optimiser_of, schedule_of

_ROUNDS = 100
"""Validations of a fit whose length is given in steps."""


class Labelled(NamedTuple):
    """Features float32 (n, d) with their labels int64 (n,)."""

    features: Tensor
    labels: Tensor

    @classmethod
    def of(cls, features: np.ndarray, labels: np.ndarray) -> "Labelled":
        return cls(torch.from_numpy(np.ascontiguousarray(features)), torch.from_numpy(labels))


class HeadFit(NamedTuple):
    """A fitted head, the round (from 1) that it was taken from, and its validation cross-entropy."""

    head: nn.Module
    epoch: int
    val_loss: float


def fit_head(
    make_head: Callable[[], nn.Module],
    train: Labelled,
    val: Labelled,
    *,
    what: str,
    settings: Mapping[str, Any],
    softmax_twice: bool = False,
    seed: int,
) -> HeadFit:
    """Minimises cross-entropy in minibatches; the round with the best validation counts.

    A round is an epoch; where `settings` name `steps` in place of `epochs`, a hundredth of them. `seed` fixes the
    initial weights and the order of the examples. (No Lightning here: its import costs more than the fit.)

    Args:
        make_head: makes the head.
        train: what it is fitted to.
        val: what chooses the round.
        what: its name in the log.
        settings: as config.training.Head has them.
        softmax_twice: the `upstream` protocol's loss.
        seed: see above.

    Raises:
        UserError: no validation gave a number.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = make_head()
    batch = settings["batch"]
    epoch = -(-len(train.labels) // batch)
    steps = settings["steps"] or settings["epochs"] * epoch
    length = -(-steps // _ROUNDS) if settings["steps"] else epoch
    optimiser = optimiser_of(head.parameters(), settings)
    schedule = schedule_of(optimiser, settings, steps=steps, epoch=epoch)
    objective = CrossEntropy(softmax_twice)
    batches = batches_of(len(train.labels), batch, np.random.default_rng(seed))
    best = HeadFit(copy.deepcopy(head), 0, float("inf"))
    lowest = float("inf")
    with Progress(what, steps, "steps") as progress:
        for done in range(0, steps, length):
            now = min(length, steps - done)
            for chosen in itertools.islice(batches, now):
                loss = objective(head(train.features[chosen]), train.labels[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
            with torch.no_grad():
                logits = head(val.features)
            val_loss = float(F.cross_entropy(logits, val.labels))
            cost = validation_cost(settings["select"], val_loss, logits, val.labels)
            if cost < lowest:
                lowest, best = cost, HeadFit(copy.deepcopy(head), done // length + 1, val_loss)
            progress.advance(now, val_loss=val_loss)
    return finite(best, what)


def validation_cost(select: str, loss: float, logits: Tensor, labels: Tensor) -> float:
    """What is lowest where validation is best, by `select` of config.training.Head; infinite where `loss` is no number.

    Args:
        select: see above.
        loss: the cross-entropy of `logits`.
        logits: (n, C), on the CPU.
        labels: int64 (n,).
    """
    if not math.isfinite(loss):
        return math.inf
    if select == "balanced_accuracy":
        return -balanced_accuracy_of(labels.numpy(), logits.argmax(dim=-1).numpy())
    return loss


def finite(fit: HeadFit, what: str) -> HeadFit:
    """`fit` itself.

    Raises:
        UserError: no validation of it gave a number.
    """
    if fit.epoch == 0:
        raise UserError(f"{what}: the loss was never a number: lower its lr, and check what it is fitted to")
    return fit


def batches_of(n: int, batch: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """Positions of `n` examples in ever new random orders, `batch` at a time, the last of each order fewer."""
    while True:
        yield from torch.from_numpy(rng.permutation(n)).split(batch)


class Standardisation(NamedTuple):
    """Centres and scales features by the train set's own mean and standard deviation, each (d,) float32."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Standardisation":
        std = features.std(dim=0, correction=0)
        return cls(features.mean(dim=0), torch.where(std > 0, std, torch.ones_like(std)))

    @classmethod
    def none(cls, features: Tensor) -> "Standardisation":
        """One that changes nothing."""
        return cls(torch.zeros(features.shape[1]), torch.ones(features.shape[1]))

    def __call__(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.std

    def fold_into(self, linear: nn.Linear) -> None:
        """Changes `linear`, fitted to standardised features, so that it takes raw ones."""
        with torch.no_grad():
            linear.weight.div_(self.std)
            linear.bias.sub_(linear.weight @ self.mean)
