"""Pairings that say what a pairing is worth: without retrieval, with its use of reports alone, and with the truth."""

import hashlib

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

    The draw depends on the seed and the patch id alone, so adding an image changes no other image's report.
    """
    n, spare = len(problem.reports), problem.barred.most()
    drawn = np.stack([_draw(n, min(n, problem.ranks + spare), seed, patch_id) for patch_id in problem.patch_id])
    barred = problem.barred.mask(np.arange(len(drawn)), drawn)
    fit = np.argsort(barred, axis=1, kind="stable")[:, : problem.ranks]
    return _in_this_order(np.take_along_axis(drawn, fit, 1))


def shuffled(problem: Problem, *, seed: int) -> Ranking:
    """The reports of `top1`, dealt anew to the images of each split: every report is used as often, for other images.

    An image that is dealt a report of its own patient swaps with another.
    """
    assert problem.split is not None
    spare = min(problem.ranks + problem.barred.most(), problem.most_ranks)
    found = problem.ranked(ranks=spare).report
    for number, split in enumerate(SPLITS):
        rows = np.flatnonzero(problem.split == split)
        rows = rows[np.argsort(problem.patch_id[rows])]
        rng = np.random.default_rng([seed, number])
        found[rows] = _dealt(problem, rows, found[rows], rng)
    barred = problem.barred.mask(np.arange(len(found)), found)
    fit = np.argsort(barred, axis=1, kind="stable")[:, : problem.ranks]
    if np.take_along_axis(barred, fit, 1).any():
        raise UserError(_TOO_FEW)
    return _in_this_order(np.take_along_axis(found, fit, 1))


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


def _in_this_order(report: np.ndarray) -> Ranking:
    """A ranking that is by nothing but its own order."""
    score = np.broadcast_to(-np.arange(report.shape[1], dtype=np.float32), report.shape)
    return Ranking(report, score)


def _draw(n: int, ranks: int, seed: int, patch_id: str) -> np.ndarray:
    entropy = int.from_bytes(hashlib.sha256(patch_id.encode()).digest()[:8], "little")
    return np.random.default_rng([seed, entropy]).choice(n, ranks, replace=False)
