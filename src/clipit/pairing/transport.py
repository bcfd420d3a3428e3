"""Pairing by optimal transport: every report is to serve as many images as any other."""

import sys

import numpy as np

from clipit.pairing.problem import Problem, Ranking
from clipit.pairing.search import Vectors, blocks_of_similarity
from clipit.runtime.progress import Progress

_TOLERANCE = 1e-3
"""Greatest relative error of a report's share at which the iteration ends."""


def sinkhorn(problem: Problem, *, epsilon: float, iterations: int) -> Ranking:
    """Entropic transport with equal marginals: log P_ij = s_ij / epsilon + f_i + g_j, ranked by s_ij + epsilon g_j.

    The potentials are fitted on the train images, where P's rows sum to 1/n and its columns to 1/M; any other image
    takes the row that g gives it (Cuturi 2013, Sinkhorn distances; Peyre and Cuturi 2019, Computational optimal
    transport, equations 4.43 and 4.44, in the logarithm).
    """
    g, error = report_potentials(problem.train, problem.vectors, epsilon, iterations)
    if error > _TOLERANCE:
        print(f"sinkhorn: shares are still {error:.1%} off after {iterations} iterations", file=sys.stderr)
    return problem.ranked(epsilon * g)


def report_potentials(
    images: np.ndarray, vectors: Vectors, epsilon: float, iterations: int
) -> tuple[np.ndarray, float]:
    """The potentials g, float64 (M,) with mean 0, and the greatest relative error of a column sum that they leave.

    One pass over blocks of images an iteration: f follows from g row by row, and nothing of n x M is held.

    Args:
        images: unit vectors float32 (n, d).
        vectors: of the M reports.
        epsilon: regularisation, in units of the similarity.
        iterations: at most.
    """
    g, error = np.zeros(len(vectors)), np.inf
    with Progress("fit transport", iterations, "iterations") as progress:
        for _ in range(iterations):
            column = np.zeros(len(vectors))
            for block in blocks_of_similarity(images, vectors):
                column += _mass(block.astype(np.float64) / epsilon + g)
            column *= len(vectors) / len(images)  # 1 is a report's due
            error = float(np.abs(column - 1).max())
            progress.advance(error=error)
            if error <= _TOLERANCE:
                break
            g -= np.log(np.maximum(column, np.finfo(float).tiny))
            g -= g.mean()
    return g, error


def _mass(logits: np.ndarray) -> np.ndarray:
    """What images, (b, M), give to each report, when each gives 1 in all by the softmax of its row."""
    logits -= logits.max(axis=1, keepdims=True)  # no exponential overflows, and the greatest of a row is 1
    np.exp(logits, out=logits)
    mass: np.ndarray = (1 / logits.sum(axis=1)) @ logits
    return mass
