"""Which patches a student sees at each step, and how they are augmented: any step can be made without those before it.

All draws come from numpy and the seed alone, so they are the same on every device and in every process; the labelled
patches and their augmentation are the same for every variant.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from clipit.training.augmentation import Draws, draw, join

_ORDER, _DRAWS = range(2)


class Step(NamedTuple):
    """One optimiser step: positions of its patches int64 (B,), the labelled ones first, and their augmentation."""

    patches: Tensor
    draws: Draws
    n_labelled: int

    def part(self, rank: int, world: int) -> "Step":
        """The share of process `rank` of `world`: the rank-th run of the labelled patches and that of the others.

        Raises:
            ValueError: either number of patches does not divide, or there is no such rank.
        """
        labelled, others = torch.arange(len(self.patches)).tensor_split([self.n_labelled])
        if not 0 <= rank < world or len(labelled) % world or len(others) % world:
            raise ValueError(
                f"no part {rank} of {world} of a step of {len(labelled)} labelled and {len(others)} other patches"
            )
        mine = torch.cat([half.tensor_split(world)[rank] for half in (labelled, others)])
        return Step(self.patches[mine], self.draws.at(mine), self.n_labelled // world)


class _Pool:
    """Positions gone through in a new random order again and again, int64 (n,)."""

    def __init__(self, positions: np.ndarray, seed: int, number: int) -> None:
        self._positions, self._seed, self._number = positions, seed, number
        self._latest: tuple[int, np.ndarray] | None = None

    def rng(self, what: int, index: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(self._number, what, index)))

    def take(self, start: int, stop: int) -> np.ndarray:
        """The positions from the `start`-th to before the `stop`-th ever, across the borders of rounds."""
        n = len(self._positions)
        rounds = range(start // n, -(-stop // n))
        return np.concatenate([self._round(i)[max(0, start - i * n) : stop - i * n] for i in rounds])

    def _round(self, index: int) -> np.ndarray:
        # The latest is kept: the next step mostly needs it again.
        if self._latest is None or self._latest[0] != index:
            self._latest = index, self.rng(_ORDER, index).permutation(self._positions)
        return self._latest[1]


@dataclass(frozen=True)
class StepPlan(Dataset[Step]):
    """The steps of a training, or some consecutive ones of them; each is made when it is asked for."""

    pools: tuple[_Pool, ...]
    batch: int
    augment: str
    steps: range

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, i: int) -> Step:
        """The i-th step.

        Raises:
            IndexError: there are not so many.
        """
        step = self.steps[i]
        patches = [pool.take(step * self.batch, (step + 1) * self.batch) for pool in self.pools]
        draws = [draw(pool.rng(_DRAWS, step), self.augment, self.batch) for pool in self.pools]
        return Step(torch.from_numpy(np.concatenate(patches)), join(draws), self.batch)

    def between(self, first: int, last: int) -> "StepPlan":
        """The steps from the `first` to before the `last`: `plan.between(k, len(plan))` goes on after k steps."""
        return replace(self, steps=self.steps[first:last])


def plan_steps(
    labelled: np.ndarray, unlabelled: np.ndarray, *, steps: int, batch: int, augment: str, seed: int
) -> StepPlan:
    """`steps` steps of `batch` labelled patches, and as many of `unlabelled` where there are any.

    Each pool is gone through in a new random order again and again, across the borders of steps.

    Args:
        labelled: positions, int64 (n,).
        unlabelled: positions, int64 (m,).
        steps: how many.
        batch: labelled patches of a step.
        augment: one of the `AUGMENTATIONS`.
        seed: of all orders and draws.
    """
    pools = [_Pool(pool, seed, number) for number, pool in enumerate((labelled, unlabelled)) if len(pool)]
    return StepPlan(tuple(pools), batch, augment, range(steps))


def rounds_of(plan: StepPlan, n: int) -> list[StepPlan]:
    """The plan in `n` consecutive rounds (fewer for a shorter plan) of as equal length as can be."""
    n = min(n, len(plan))
    borders = [len(plan) * i // n for i in range(n + 1)]
    return [plan.between(first, last) for first, last in pairwise(borders)]
