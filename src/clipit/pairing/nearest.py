"""Pairing by the similarity itself."""

import numpy as np

from clipit.pairing.problem import Problem, Ranking
from clipit.pairing.search import Vectors


def nearest(problem: Problem) -> Ranking:
    """The most similar reports (`top1`, `topk`): psi(i) = argmax_j cos(v_i, t_j) (CLIP-IT, step 1: pairing)."""
    return problem.ranked()


def centred(problem: Problem) -> Ranking:
    """The most similar reports once each side's mean is taken off: cos(v_i - mu_v, t_j - mu_t).

    CLIP's images and texts lie in two narrow cones; what all of a side share tells nothing, and a report that lies
    near it attracts every image (Suzuki et al. 2013, Centering similarity measures to reduce hubs; Liang et al. 2022,
    Mind the gap). mu_v is the mean of the train images, mu_t that of the corpus.
    """
    matrix = problem.vectors.matrix
    return problem.ranked(
        images=_unit(problem.images - problem.train.mean(axis=0, dtype=np.float64)),
        vectors=Vectors(_unit(matrix - matrix.mean(axis=0, dtype=np.float64)), problem.vectors.first),
    )


def _unit(rows: np.ndarray) -> np.ndarray:
    unit: np.ndarray = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return unit
