"""Optimisers and their schedules, by the names of the configuration."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler

_MOMENTUM = 0.9


def optimiser_of(weights: Iterable[torch.nn.Parameter], settings: Mapping[str, Any]) -> torch.optim.Optimizer:
    """By `optimiser` (adamw, adam, sgd), `lr` and `weight_decay`."""
    shared: dict[str, Any] = {"lr": settings["lr"], "weight_decay": settings["weight_decay"]}
    if settings["optimiser"] == "sgd":
        return torch.optim.SGD(weights, momentum=_MOMENTUM, **shared)
    return {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings["optimiser"]](weights, **shared)


def schedule_of(optimiser: torch.optim.Optimizer, settings: Mapping[str, Any], steps: int) -> LRScheduler:
    """By `schedule` (constant, cosine), `schedule_steps` (None: `steps`) and `lr_end`; one call a step."""
    if settings["schedule"] == "constant":
        return ConstantLR(optimiser, factor=1.0, total_iters=0)
    return CosineAnnealingLR(optimiser, T_max=settings["schedule_steps"] or steps, eta_min=settings["lr_end"])
