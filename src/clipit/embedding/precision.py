"""The arithmetic that towers run in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Precision = Literal["fp32", "bf16"]


@contextmanager
def inference(device: str, precision: Precision) -> Iterator[None]:
    """No gradients; bfloat16 autocast where `precision` asks for it."""
    with (
        torch.inference_mode(),
        torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=precision == "bf16"),
    ):
        yield
