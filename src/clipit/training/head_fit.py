"""Fits a head to cached features: the probe and the teacher."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipit.runtime.progress import Progress


class Labelled(NamedTuple):
    """Features float32 (n, d) with their labels int64 (n,)."""

    features: Tensor
    labels: Tensor

    @classmethod
    def of(cls, features: np.ndarray, labels: np.ndarray) -> "Labelled":
        return cls(torch.from_numpy(np.ascontiguousarray(features)), torch.from_numpy(labels))


class HeadFit(NamedTuple):
    """A fitted head, the epoch (from 1) that it was taken from, and its validation cross-entropy."""

    head: nn.Module
    epoch: int
    val_loss: float


def fit_head(
    make_head: Callable[[], nn.Module],
    train: Labelled,
    val: Labelled,
    *,
    what: str,
    epochs: int,
    batch: int,
    lr: float,
    weight_decay: float,
    seed: int,
) -> HeadFit:
    """Minimises cross-entropy with AdamW in minibatches; the epoch with the lowest validation cross-entropy counts.

    `seed` fixes the initial weights and the order of the examples. (No Lightning here: its import costs more than
    the fit.)
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = make_head()
    order = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(head.parameters(), lr=lr, weight_decay=weight_decay)
    best, best_loss, best_epoch = copy.deepcopy(head), float("inf"), 0
    with Progress(what, epochs, "epochs") as progress:
        for epoch in range(1, epochs + 1):
            for chosen in torch.from_numpy(order.permutation(len(train.labels))).split(batch):
                loss = F.cross_entropy(head(train.features[chosen]), train.labels[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            with torch.no_grad():
                val_loss = float(F.cross_entropy(head(val.features), val.labels))
            if val_loss < best_loss:
                best, best_loss, best_epoch = copy.deepcopy(head), val_loss, epoch
            progress.advance(val_loss=val_loss)
    return HeadFit(best, best_epoch, best_loss)


class Standardisation(NamedTuple):
    """Centres and scales features by the train set's own mean and standard deviation, each (d,) float32."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Standardisation":
        std = features.std(dim=0, correction=0)
        return cls(features.mean(dim=0), torch.where(std > 0, std, torch.ones_like(std)))

    def __call__(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.std

    def fold_into(self, linear: nn.Linear) -> None:
        """Changes `linear`, fitted to standardised features, so that it takes raw ones."""
        with torch.no_grad():
            linear.weight.div_(self.std)
            linear.bias.sub_(linear.weight @ self.mean)
