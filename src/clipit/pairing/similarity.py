"""How similar an image is to the reports that it was given, and to which passage of each."""

import numpy as np

from clipit.pairing.problem import Problem
from clipit.pairing.search import products

_PAIRS = 16_384  # images and chunks that are multiplied at a time


def similarities(problem: Problem, report: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of each image and each of its reports, and the chunk of the report that is most similar to the image.

    Args:
        problem: images and corpus.
        report: rows of the corpus, int64 (n, k).

    Returns:
        similarity float32 (n, k), and chunk int16 (n, k), the first of equal ones. With late pooling the similarity is
        that of the chunk.
    """
    reports = problem.reports
    if len(reports.chunks) == len(reports):
        return products(problem.images, reports.chunks, report), np.zeros(report.shape, np.int16)
    image = np.repeat(np.arange(len(report)), report.shape[1])
    owner = report.reshape(-1)
    best, chunk = np.empty(owner.shape, np.float32), np.empty(owner.shape, np.int16)
    length = np.diff(reports.first)
    for start in range(0, len(owner), _PAIRS):
        some = owner[start : start + _PAIRS]
        place = np.concatenate([[0], np.cumsum(length[some])])  # where the chunks of each pair begin
        inside = np.arange(place[-1]) - np.repeat(place[:-1], length[some])
        left = problem.images[np.repeat(image[start : start + _PAIRS], length[some])]
        value = products(left, reports.chunks, (np.repeat(reports.first[some], length[some]) + inside)[:, None])[:, 0]
        greatest = np.maximum.reduceat(value, place[:-1])
        best[start : start + _PAIRS] = greatest
        is_best = np.flatnonzero(value == np.repeat(greatest, length[some]))
        first = is_best[np.searchsorted(is_best, place[:-1])]
        chunk[start : start + _PAIRS] = inside[first]
    if reports.pooling == "late":
        return best.reshape(report.shape), chunk.reshape(report.shape)
    return products(problem.images, reports.pooled, report), chunk.reshape(report.shape)
