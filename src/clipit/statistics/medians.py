"""The median of repeated measurements, and how well it is known."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binom


class Median(NamedTuple):
    """A median with its interval."""

    value: float
    low: float
    high: float


def median(values: Sequence[float]) -> Median:
    """The median of `values`, and the interval between two of them that covers the true one with at least 95%.

    The interval supposes nothing of how the values are distributed: each lies below the true median as a coin falls. Of
    fewer than six values it is all that was seen, which covers less.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    # The interval's ends are so many values from the outermost.
    outer = max(int(binom.ppf(0.025, len(ordered), 0.5)), 1)
    return Median(float(np.median(ordered)), float(ordered[outer - 1]), float(ordered[-outer]))
