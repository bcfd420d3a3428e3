"""Which reports an image is paired with: one small function a method.

Every method is handed a block of images with exact search over the whole corpus and returns, for each image, its
reports best first with scores and weights. No label ever reaches a method.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

RANKS = 10
"""Ranks that are always written (or the whole corpus, if smaller), for audits and for ranks beyond the first."""


@dataclass(frozen=True)
class Ranking:
    """The reports of a block of images, best first; every array is (images, ranks).

    Attributes:
        report: row of the corpus, int64.
        similarity: cosine of image and report embedding, float32.
        score: what the ranking is by, float32.
        weight: share of the report in the image's target, float32; a row sums to 1.
    """

    report: np.ndarray
    similarity: np.ndarray
    score: np.ndarray
    weight: np.ndarray


Search = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""(unit vectors (n, d), k) -> cosines and rows of the k nearest reports, both (n, k), best first."""


@dataclass(frozen=True)
class Block:
    """Images to rank, and the corpus.

    Attributes:
        patch_ids: names of the n images.
        images: their unit vectors, float32 (n, d).
        reports: unit vectors of the corpus, float32 (M, d).
        search: exact search over `reports`.
    """

    patch_ids: Sequence[str]
    images: np.ndarray
    reports: np.ndarray
    search: Search


Method = Callable[[Block, int], Ranking]
"""(block, ranks wanted) -> ranking; a method's own settings are bound before."""


def top1(block: Block, ranks: int) -> Ranking:
    """The most similar report: psi(i) = argmax_j cos(v_i, t_j) (CLIP-IT, step 1: pairing)."""
    return topk(block, ranks, k=1, temperature=1.0)


def topk(block: Block, ranks: int, *, k: int, temperature: float) -> Ranking:
    """The k most similar reports, weighted w_j = softmax_j(cos(v_i, t_j) / temperature) over the k."""
    similarity, report = block.search(block.images, max(ranks, k))
    k = min(k, report.shape[1])
    weight = np.zeros_like(similarity)
    weight[:, :k] = _softmax(similarity[:, :k] / temperature)
    return Ranking(report, similarity, similarity, weight)


def random(block: Block, ranks: int, *, seed: int) -> Ranking:
    """Reports drawn uniformly without replacement, for each image on its own: the control without retrieval.

    The draw depends on the seed and the patch id alone, so adding an image changes no other image's report.
    """
    report = np.stack([_draw(len(block.reports), ranks, seed, patch_id) for patch_id in block.patch_ids])
    similarity = np.einsum("nd,nrd->nr", block.images, block.reports[report]).astype(np.float32)
    weight = np.zeros_like(similarity)
    weight[:, 0] = 1
    score = np.broadcast_to(-np.arange(ranks, dtype=np.float32), report.shape)
    return Ranking(report, similarity, score, weight)


def _draw(n: int, ranks: int, seed: int, patch_id: str) -> np.ndarray:
    entropy = int.from_bytes(hashlib.sha256(patch_id.encode()).digest()[:8], "little")
    return np.random.default_rng([seed, entropy]).choice(n, ranks, replace=False)


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
