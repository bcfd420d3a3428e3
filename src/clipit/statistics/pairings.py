"""What a pairing looks like from outside: how evenly it uses the reports, how far two of them agree."""

from typing import Any

import numpy as np
from scipy.stats import skew

RANKS = 10
"""Ranks of an image that count as its neighbourhood, and are always written (or the whole corpus, if smaller)."""
_HUBS_SHOWN = 20


def report_use(ranked: np.ndarray, n_reports: int) -> dict[str, Any]:
    """How evenly a corpus of `n_reports` is used by the images whose reports are `ranked`.

    Args:
        ranked: int64 (images, ranks), codes of reports below `n_reports`, best first; -1: no report at that rank.
        n_reports: size of the corpus.

    Returns:
        `coverage`: share of the corpus that is some image's best report. `top_hub_share`: share of images whose best
        report is the most used one. `skewness` and `skewness_1`: of the k-occurrence N_k, how often each report is
        among an image's k best, E[(N_k - mean)^3] / std^3, for k = 10 and k = 1 (Radovanović, Nanopoulos and
        Ivanović, JMLR 2010).
        `entropy`: of the use of best reports, H = -sum_j p_j ln p_j, divided by its maximum ln M: 1 = all alike.
        `effective_reports`: exp(H), the number of reports that would give the same H if they were used alike.
        `hub_counts`: images of the 20 most used reports.
    """
    best = _occurrence(ranked[:, :1], n_reports)
    used = np.sort(best[best > 0])[::-1]
    share = used / used.sum()
    entropy = float(-(share * np.log(share)).sum())
    return {
        "coverage": len(used) / n_reports,
        "top_hub_share": float(share[0]),
        "skewness": _skewness(_occurrence(ranked[:, :RANKS], n_reports)),
        "skewness_1": _skewness(best),
        "entropy": entropy / np.log(n_reports) if n_reports > 1 else 0.0,
        "effective_reports": float(np.exp(entropy)),
        "hub_counts": used[:_HUBS_SHOWN].tolist(),
    }


def _occurrence(ranked: np.ndarray, n_reports: int) -> np.ndarray:
    """How often each report occurs, int64 (n_reports,)."""
    return np.bincount(ranked[ranked >= 0], minlength=n_reports)


def _skewness(occurrence: np.ndarray) -> float:
    return float(skew(occurrence)) if occurrence.std() > 0 else 0.0


def agreement(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """How far two pairings of the same images agree; `one` and `other` are coded alike, (images, ranks), -1: none.

    `same_best`: share of images that both give the same best report. `overlap`: mean over images of the number of
    reports that are among the ten best of both, divided by the number of ranks that both have.
    """
    a, b = one[:, :RANKS], other[:, :RANKS]
    shared = ((a[:, :, None] == b[:, None, :]) & (a[:, :, None] >= 0)).sum(axis=(1, 2))
    ranks = np.minimum((a >= 0).sum(axis=1), (b >= 0).sum(axis=1))
    return {"same_best": float(np.mean(a[:, 0] == b[:, 0])), "overlap": float(np.mean(shared / ranks))}
