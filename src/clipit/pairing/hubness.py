"""Pairing against hubs: reports that attract many images are held back.

Each method takes from the similarity s_ij of image i and report j what the report has in common with the train images,
a number b_j for each report. It is fitted on train images alone, and applied to all.
"""

import numpy as np

from clipit.pairing.problem import Problem, Ranking
from clipit.pairing.search import blocks_of_similarity, nearest_images


def csls(problem: Problem, *, neighbours: int) -> Ranking:
    """Cross-domain similarity local scaling: 2 s_ij - r_j.

    r_j is the mean similarity of report j to its `neighbours` nearest train images. The source's third term, the same
    mean for the image, is left out: it is one number for all reports of an image (Conneau et al. 2018, Word
    translation without parallel data, equation 3).
    """
    ranking = problem.ranked(-_mean_of_nearest(problem, neighbours) / 2)
    return Ranking(ranking.report, 2 * ranking.score)


def nnn(problem: Problem, *, neighbours: int, alpha: float) -> Ranking:
    """Nearest neighbour normalisation: s_ij - alpha r_j.

    r_j is the mean similarity of report j to its `neighbours` nearest train images (Chowdhury et al. 2024, Nearest
    neighbor normalization improves multimodal retrieval, section 3).
    """
    return problem.ranked(-alpha * _mean_of_nearest(problem, neighbours))


def inverted_softmax(problem: Problem, *, beta: float) -> Ranking:
    """Dynamic inverted softmax: exp(beta s_ij) / sum_q exp(beta s_qj) over the train images q, as its logarithm / beta.

    Only for images whose most similar report is the most similar one of some train image too; the others keep s_ij
    (Bogolin et al. 2022, Cross modal retrieval with querybank normalisation, equations 4 and 6; the bank of queries
    is the train split; the sum is taken as a mean, which moves all scores alike).
    """
    total = np.full(len(problem.reports), -np.inf)
    for block in blocks_of_similarity(problem.train, problem.vectors):
        total = np.logaddexp(total, _log_sum_exp(beta * block.astype(np.float64)))
    corrected = problem.ranked(-(total - np.log(len(problem.train))) / beta)
    plain = problem.ranked()
    assert problem.split is not None
    active = np.unique(plain.report[problem.split == "train", 0])
    use = np.isin(plain.report[:, 0], active)[:, None]
    return Ranking(np.where(use, corrected.report, plain.report), np.where(use, corrected.score, plain.score))


def mutual(problem: Problem, *, neighbours: int) -> Ranking:
    """Mutual nearest neighbours first: s_ij, and 2 more where i and j are among each other's `neighbours` nearest.

    An image is among the nearest of report j if it is at least as similar to it as the report's `neighbours`-th
    nearest train image. Two is the range of a cosine: no other report comes before a mutual neighbour (after Jegou et
    al. 2007, A contextual dissimilarity measure, and Dinu et al. 2015, Improving zero-shot learning by mitigating the
    hubness problem, which rank by the reversed neighbourhood).
    """
    threshold = nearest_images(problem.train, problem.vectors, neighbours, problem.device)[:, -1]
    plain = problem.ranked(ranks=min(max(problem.ranks, neighbours), problem.most_ranks))
    near = plain.score >= threshold[plain.report]
    near[:, neighbours:] = False
    score = plain.score + 2 * near.astype(np.float32)
    order = np.argsort(-score, axis=1, kind="stable")[:, : problem.ranks]
    return Ranking(np.take_along_axis(plain.report, order, 1), np.take_along_axis(score, order, 1))


def _log_sum_exp(values: np.ndarray) -> np.ndarray:
    """Of each column."""
    greatest = values.max(axis=0)
    total: np.ndarray = greatest + np.log(np.exp(values - greatest).sum(axis=0))
    return total


def _mean_of_nearest(problem: Problem, neighbours: int) -> np.ndarray:
    similarity = nearest_images(problem.train, problem.vectors, neighbours, problem.device)
    mean: np.ndarray = similarity.mean(axis=1, dtype=np.float64)
    return mean
