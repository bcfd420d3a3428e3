"""What a training notes as it goes: mean losses, and the best validation with its weights."""

import math
from collections.abc import Mapping
from typing import Any

import torch.distributed as dist
from torch import Tensor

_LARGER_IS_BETTER = ("val_balanced_accuracy", "val_auroc")


class Means:
    """Running means of the train losses between two validations, over all processes."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._n = 0

    def add(self, losses: Mapping[str, Tensor]) -> None:
        for name, loss in losses.items():
            loss = loss.detach().double()  # stays on the device, which need not be waited for
            self._sums[name] = self._sums[name] + loss if name in self._sums else loss
        self._n += 1

    def take(self) -> dict[str, float]:
        means = {name: float(total) / self._n for name, total in self._sums.items()}
        self._sums, self._n = {}, 0
        everywhere = gathered([means])
        return {name: sum(one[name] for one in everywhere) / len(everywhere) for name in means}


class Best:
    """The validation that counts, and its weights.

    Args:
        monitor: the column that chooses it.
        patience: validations without a better one after which to stop; None: never.
        delta: by how much one must be better to count as such.
        watches: what `patience` looks at: "monitor", or "train_loss".
    """

    def __init__(self, monitor: str, patience: int | None, delta: float, watches: str) -> None:
        self.monitor, self.patience, self.delta = monitor, patience, delta
        self.watched = monitor if watches == "monitor" else watches
        self.weights: dict[str, Tensor] = {}
        self._value: float | None = None
        self._least: float | None = None
        self._waited = 0

    def see(self, row: Mapping[str, float], weights: Mapping[str, Tensor]) -> None:
        """Takes a row of the history, and its weights if it is the best so far; of equals, the first."""
        value = _cost(self.monitor, row)
        if value is not None and (self._value is None or value < self._value):
            self._value = value
            self.weights = {name: weight.detach().clone() for name, weight in weights.items()}
        watched = _cost(self.watched, row)
        if watched is None:  # before the first step there is no train loss
            return
        if self._least is None or watched < self._least - self.delta:
            self._least, self._waited = watched, 0
        else:
            self._waited += 1

    @property
    def has_waited_enough(self) -> bool:
        return self.patience is not None and self._waited >= self.patience

    def state(self) -> dict[str, Any]:
        return {"weights": self.weights, "value": self._value, "least": self._least, "waited": self._waited}

    def load(self, state: Mapping[str, Any]) -> None:
        self.weights, self._value = dict(state["weights"]), state["value"]
        self._least, self._waited = state["least"], state["waited"]


def _cost(column: str, row: Mapping[str, float]) -> float | None:
    """None where there is none, or what there is is no number."""
    value = row.get(column)
    if value is None or not math.isfinite(value):
        return None
    return -value if column in _LARGER_IS_BETTER else value


def gathered(items: list[Any]) -> list[Any]:
    """The items of all processes, in their order; of one process its own."""
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return items
    everywhere: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everywhere, items)
    return [item for part in everywhere for item in part]
