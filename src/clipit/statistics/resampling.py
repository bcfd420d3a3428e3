"""The percentile bootstrap: patients are drawn where they are known, patches within their class where not."""

from collections.abc import Iterator

import numpy as np

LEVEL = 0.95
# Elements of one block of weights: what bounds the memory on a test set of any size.
_BLOCK = 2_000_000


def draws(labels: np.ndarray, groups: np.ndarray | None, resamples: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Yields blocks of weights, float64 (block, patches): how often each resample drew each patch.

    With `groups` (codes, int (patches,)) whole groups are drawn with replacement, since the patches of a patient are
    not independent. Without, patches are drawn within their class, which keeps the class counts.
    """
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(labels))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        if groups is not None:
            yield _multiplicities(rng, rows, int(groups.max()) + 1)[:, groups]
            continue
        weights = np.empty((rows, len(labels)))
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            weights[:, members] = _multiplicities(rng, rows, len(members))
        yield weights


def _multiplicities(rng: np.random.Generator, rows: int, n: int) -> np.ndarray:
    """`rows` draws of `n` out of `n` with replacement, as counts, float64 (rows, n)."""
    drawn = rng.integers(0, n, size=(rows, n)) + np.arange(rows)[:, None] * n
    return np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def simultaneous(values: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """95% intervals that hold for all of several figures together, float64 (2, m): the max-T method.

    `value ± c · s`, s being the standard deviation of a figure's resamples and c the 95% quantile over the resamples of
    the greatest |sample − value| / s of all (Westfall and Young 1993). One that never varies has no width.

    Args:
        values: float64 (m,).
        samples: the same resamples of each, float64 (resamples, m).
    """
    spread = samples.std(axis=0)
    apart = np.divide(
        np.abs(samples - values), spread, out=np.zeros_like(samples), where=spread > 1e-9
    )  # 0, but for rounding
    reach = np.quantile(apart.max(axis=1), LEVEL) * spread
    return np.stack([values - reach, values + reach])


def interval(samples: np.ndarray) -> tuple[float, float]:
    """The central 95% of the resampled values; a resample that leaves a metric undefined (one class drawn) is out."""
    low, high = np.nanquantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
