"""The arithmetic that towers run in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Precision = Literal["auto", "fp32", "bf16"]


def resolve_precision(precision: Precision, device: str) -> Literal["fp32", "bf16"]:
    """`auto` is bfloat16 where `device` multiplies it natively, else float32."""
    if precision != "auto":
        return precision
    if torch.device(device).type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if native else "fp32"


@contextmanager
def inference(device: str, precision: Precision) -> Iterator[None]:
    """No gradients; bfloat16 autocast where `precision` asks for it, whose copies of the weights are made once.

    Hence `no_grad`, not `inference_mode`, in which autocast keeps none of them and copies every weight at every call
    (torch 2.13). Weights that change within, or that ask for no gradient, are not served: the first would be used as
    they were, the second be copied at every call.
    """
    enabled = resolve_precision(precision, device) == "bf16"
    with torch.no_grad(), torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=enabled):
        yield
