"""Pairing methods that the catalog names."""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from clipit.config.strict import Strict


class Pairing(Strict):
    """How reports are chosen for an image."""

    method: Literal["top1", "topk", "random"]
    k: PositiveInt = 1
    """Reports that make up the target (`topk`)."""
    temperature: PositiveFloat = 0.07
    """Of the softmax over the k similarities (`topk`)."""
    seed: int = 0
    """Of the draw (`random`)."""
