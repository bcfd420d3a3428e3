"""What both pretrainings share: optimiser and precision."""

import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from clipit.encoders.precision import resolve_precision

_WARM_UP = 0.1  # of all steps
_WEIGHT_DECAY = 1e-2


def optimiser(module: nn.Module, lr: float, steps: int) -> tuple[AdamW, OneCycleLR]:
    """AdamW with a warm-up over a tenth of the steps and a cosine to zero; vectors (biases, norms) do not decay."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": _WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    adamw = AdamW(groups, lr=lr)
    return adamw, OneCycleLR(adamw, lr, total_steps=steps + 1, pct_start=_WARM_UP, cycle_momentum=False)


def autocast(device: str) -> torch.autocast:
    """bfloat16 for the towers where `device` multiplies it natively: elsewhere it is many times slower than float32.

    Losses are computed in float32.
    """
    enabled = resolve_precision("auto", device) == "bf16"
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=enabled)
