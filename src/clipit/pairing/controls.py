"""Pairings that say what a pairing is worth: without retrieval, with its use of reports alone, and with the truth."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from clipit.artifacts.schemas.splits import SPLITS
from clipit.pairing.problem import Problem, Ranking
from clipit.runtime.errors import UserError

_TRIES = 100
_TOO_FEW = (
    "shuffled cannot deal the reports without giving an image one of its own patient: there are too few patients; "
    "set exclude_same_patient: false in this pairing"
)


def random(problem: Problem, *, seed: int) -> Ranking:
    """Reports drawn uniformly without replacement, for each image on its own: the control without retrieval.

    The draw depends on the seed, the patch id and what is barred for the image alone, so adding an image changes no
    other image's report.
    """
    n = len(problem.reports)
    drawn = np.stack([_rng(seed, patch).choice(n, problem.ranks, replace=False) for patch in problem.patch_id])
    return _in_this_order(_fitting(problem, drawn, lambda i: _rng(seed, problem.patch_id[i], "more").permutation(n)))


def shuffled(problem: Problem, *, seed: int, of: Callable[[Problem], Ranking]) -> Ranking:
    """The reports that the method `of` finds, dealt anew to the images of each split: used as often, by other images.

    An image that is dealt a report of its own patient swaps with another. The splits are dealt apart: an image changes
    no pair of another split.
    """
    assert problem.split is not None
    found = of(replace(problem, ranks=min(problem.ranks + problem.barred.most, problem.most_ranks))).report
    for number, split in enumerate(SPLITS):
        rows = np.flatnonzero(problem.split == split)
        rows = rows[np.argsort(problem.patch_id[rows])]
        rng = np.random.default_rng([seed, number])
        found[rows] = _dealt(problem, rows, found[rows], rng)
    return _in_this_order(_fitting(problem, found, lambda _: np.arange(len(problem.reports))))


def oracle(problem: Problem) -> Ranking:
    """Reports of the image's own finding first, each kind by similarity: the phantom's upper bound."""
    if problem.truth is None:
        raise UserError("the pairing oracle needs a truth, which only the phantom has: choose another method")
    of_image, of_report = problem.truth
    similar = problem.ranked(ranks=problem.most_ranks)
    score = similar.score + 2 * (of_report[similar.report] == of_image[:, None]).astype(np.float32)
    order = np.argsort(-score, axis=1, kind="stable")[:, : problem.ranks]
    return Ranking(np.take_along_axis(similar.report, order, 1), np.take_along_axis(score, order, 1))


def _dealt(problem: Problem, rows: np.ndarray, report: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`report` (rows, k) in another order, the first one of each row not barred for its image."""
    dealt: np.ndarray = report[rng.permutation(len(rows))]
    for _ in range(_TRIES):
        wrong = np.flatnonzero(problem.barred.mask(rows, dealt[:, :1]))
        if not len(wrong):
            return dealt
        for i in wrong:
            j = rng.integers(len(rows))
            dealt[[i, j]] = dealt[[j, i]]
    raise UserError(_TOO_FEW)


def _fitting(problem: Problem, report: np.ndarray, others: Callable[[int], np.ndarray]) -> np.ndarray:
    """The first `problem.ranks` of `report` (n, k) that an image may have, filled up with the first of `others(i)`."""
    fitting: np.ndarray = report[:, : problem.ranks].copy()
    for i in np.flatnonzero(problem.barred.mask(np.arange(len(report)), fitting).any(axis=1)).tolist():
        row = np.concatenate([report[i], others(i)])
        row = row[~problem.barred.mask(np.array([i]), row[None])[0]]
        fitting[i] = row[np.sort(np.unique(row, return_index=True)[1])][: problem.ranks]
    return fitting


def _in_this_order(report: np.ndarray) -> Ranking:
    """A ranking that is by nothing but its own order."""
    score = np.broadcast_to(-np.arange(report.shape[1], dtype=np.float32), report.shape)
    return Ranking(report, score)


def _rng(seed: int, *names: str) -> np.random.Generator:
    entropy = int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()[:8], "little")
    return np.random.default_rng([seed, entropy])
