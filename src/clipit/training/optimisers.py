"""Optimisers and their schedules, by the names of the configuration."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.optim.lr_scheduler import ConstantLR, LambdaLR, LRScheduler

_MOMENTUM = 0.9


def optimiser_of(weights: Iterable[torch.nn.Parameter], settings: Mapping[str, Any]) -> torch.optim.Optimizer:
    """By `optimiser` (adamw, adam, sgd), `lr` and `weight_decay`."""
    shared: dict[str, Any] = {"lr": settings["lr"], "weight_decay": settings["weight_decay"]}
    if settings["optimiser"] == "sgd":
        return torch.optim.SGD(weights, momentum=_MOMENTUM, **shared)
    return {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings["optimiser"]](weights, **shared)


def schedule_of(
    optimiser: torch.optim.Optimizer, settings: Mapping[str, Any], *, steps: int, epoch: int
) -> LRScheduler:
    """By `schedule` (constant, cosine), `schedule_steps` (None: all), `schedule_unit` and `lr_end`; one call a step.

    Args:
        optimiser: whose rate it sets.
        settings: see above.
        steps: of the training.
        epoch: steps of a pass over the train patches; the unit `epoch` changes the rate after each alone.
    """
    if settings["schedule"] == "constant":
        return ConstantLR(optimiser, factor=1.0, total_iters=0)
    unit = epoch if settings["schedule_unit"] == "epoch" else 1
    length = settings["schedule_steps"] or -(-steps // unit)
    lowest = settings["lr_end"] / settings["lr"]
    return LambdaLR(
        optimiser, lambda step: lowest + (1 - lowest) * (1 + math.cos(math.pi * (step // unit) / length)) / 2
    )
