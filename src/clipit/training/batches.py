"""Which patches a student sees at each step, and how they are turned: drawn up before the training starts.

All draws come from numpy and the seed alone, so they are the same on every device; the labelled patches and their
turns are the same for every variant.
"""

from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor


class Step(NamedTuple):
    """One optimiser step: positions of its patches int64 (B,), the labelled ones first, and their symmetry in 0..7."""

    patches: Tensor
    symmetries: Tensor
    n_labelled: int


def plan_steps(
    labelled: np.ndarray,
    unlabelled: np.ndarray,
    *,
    steps: int,
    batch: int,
    augment: Literal["dihedral", "none"],
    seed: int,
) -> list[Step]:
    """`steps` steps of `batch` labelled patches, and as many of `unlabelled` where there are any.

    Each pool is gone through in a new random order again and again, across the borders of steps.
    """
    pools = [labelled, unlabelled] if len(unlabelled) else [labelled]
    patches, symmetries = [], []
    for rng, pool in zip(np.random.default_rng(seed).spawn(2), pools, strict=False):
        rounds = -(-steps * batch // len(pool))
        order = np.concatenate([rng.permutation(pool) for _ in range(rounds)])
        patches.append(order[: steps * batch].reshape(steps, batch))
        turns = rng.integers(8 if augment == "dihedral" else 1, size=(steps, batch))
        symmetries.append(turns)
    both = torch.from_numpy(np.concatenate(patches, axis=1)), torch.from_numpy(np.concatenate(symmetries, axis=1))
    return [Step(*step, batch) for step in zip(*both, strict=True)]


def rounds_of(plan: list[Step], n: int) -> list[list[Step]]:
    """The plan in `n` consecutive rounds (fewer for a shorter plan) of as equal length as can be."""
    n = min(n, len(plan))
    borders = [len(plan) * i // n for i in range(n + 1)]
    return [plan[first:last] for first, last in pairwise(borders)]
