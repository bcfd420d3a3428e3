"""Is one model better than another on the same test patches? A paired permutation test, and Holm's correction."""

import itertools
from collections.abc import Sequence

import numpy as np

from clipit.evaluation.predictions import Predictions

# Elements of one block of random signs.
_BLOCK = 2_000_000


def contributions(one: Sequence[Predictions], other: Sequence[Predictions]) -> np.ndarray:
    """What each unit adds to the difference of balanced accuracies, averaged over seeds; float64 (units,).

    A unit is a group (patient or slide) where groups are known, a patch where not. Balanced accuracy is a sum over
    patches (correct / patches of the class / classes), so these sum to the difference exactly.
    """
    labels, groups = one[0].labels, one[0].groups
    per_class = np.bincount(labels)
    share = 1.0 / (per_class[labels] * np.count_nonzero(per_class))
    gain = np.mean([p.correct for p in one], axis=0) - np.mean([p.correct for p in other], axis=0)
    return gain * share if groups is None else np.bincount(groups, weights=gain * share)


def sign_flip_p(units: np.ndarray, flips: int = 10_000, seed: int = 0) -> float:
    """Two-sided p value of `units.sum()` under random exchange of the two models within each unit.

    If neither model is better, exchanging them in a unit flips the sign of its contribution and changes nothing else.
    All exchanges are counted where they are at most `flips`, otherwise that many are drawn and the observed one added.
    """
    units = units[units != 0]
    if len(units) == 0:
        return 1.0
    observed = abs(units.sum()) - 1e-12
    if 2.0 ** len(units) <= flips:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(units))))
        return float(np.mean(np.abs(signs @ units) >= observed))
    rng = np.random.default_rng(seed)
    extreme, block = 0, max(1, _BLOCK // len(units))
    for start in range(0, flips, block):
        rows = min(block, flips - start)
        signs = 2.0 * rng.integers(0, 2, size=(rows, len(units)), dtype=np.int8) - 1.0
        extreme += int(np.count_nonzero(np.abs(signs @ units) >= observed))
    return (1 + extreme) / (1 + flips)


def effect_size(units: np.ndarray) -> float | None:
    """Cohen's d of paired differences: the mean of what the units add over its standard deviation; None without one."""
    spread = float(np.std(units, ddof=1)) if len(units) > 1 else 0.0
    return float(np.mean(units)) / spread if spread > 0 else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values, in the order given."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
