"""Classical paired tests of two models on the same items, for items that are independent: none of one patient."""

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest, norm, rankdata

Array = np.ndarray


class McNemar(NamedTuple):
    """McNemar's exact test (1947).

    Attributes:
        only_one: items that the first model alone has right.
        only_other: items that the second alone has right.
        p: two-sided, of so uneven a split of the items that they differ on.
    """

    only_one: int
    only_other: int
    p: float


def mcnemar(one: Array, other: Array) -> McNemar:
    """`one` and `other` say of the same items whether each model has them right, (items,)."""
    one, other = one.astype(bool), other.astype(bool)
    a, b = int(np.sum(one & ~other)), int(np.sum(other & ~one))
    return McNemar(a, b, float(binomtest(a, a + b).pvalue) if a + b else 1.0)


class DeLong(NamedTuple):
    """DeLong's test of two correlated areas under the ROC curve.

    Attributes:
        difference: of the areas.
        std_error: of the difference.
        p: two-sided.
    """

    difference: float
    std_error: float
    p: float


def delong(positive: Array, one: Array, other: Array) -> DeLong:
    """Of two scores of the same items, (items,); `positive` (items,) bool says which are to score high.

    Raises:
        ValueError: fewer than two positives or negatives, whose spread is unknown.
    """
    areas, covariance = roc_areas(positive, np.stack([one, other]))
    difference = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    error = float(np.sqrt(max(variance, 0.0)))
    p = float(2 * norm.sf(abs(difference) / error)) if error > 1e-12 else 1.0 if abs(difference) < 1e-12 else 0.0
    return DeLong(difference, error, p)


def roc_areas(positive: Array, scores: Array) -> tuple[Array, Array]:
    """Areas (k,) of `scores` (k, items) and their covariance (k, k): DeLong et al. 1988, by ranks (Sun and Xu 2014).

    Raises:
        ValueError: as `delong`.
    """
    positive = positive.astype(bool)
    m, n = int(positive.sum()), int((~positive).sum())
    if m < 2 or n < 2:
        raise ValueError(f"{m} positives and {n} negatives: two of each are needed")
    ranks = rankdata(scores, axis=1)
    # Of every item the share of the other side that it is on the right side of, ties counting a half.
    above = (ranks[:, positive] - rankdata(scores[:, positive], axis=1)) / n
    below = 1 - (ranks[:, ~positive] - rankdata(scores[:, ~positive], axis=1)) / m
    return above.mean(axis=1), np.cov(above).reshape(len(scores), -1) / m + np.cov(below).reshape(len(scores), -1) / n
