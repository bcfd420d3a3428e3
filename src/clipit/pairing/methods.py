"""Which reports an image is paired with: one small function a method.

Every method sees the cosines of a block of images with the whole corpus' candidates and returns, best first, the
candidates' order, scores and weights.
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


def top1(search: Search, images: np.ndarray, ranks: int) -> Ranking:
    """The most similar report: psi(i) = argmax_j cos(v_i, t_j) (CLIP-IT, section 3, pairing)."""
    return topk(search, images, ranks, k=1, temperature=1.0)


def topk(search: Search, images: np.ndarray, ranks: int, *, k: int, temperature: float) -> Ranking:
    """The k most similar reports, weighted w_j = softmax_j(cos(v_i, t_j) / temperature) over the k."""
    similarity, report = search(images, max(ranks, k))
    k = min(k, report.shape[1])
    weight = np.zeros_like(similarity)
    weight[:, :k] = _softmax(similarity[:, :k] / temperature)
    return Ranking(report, similarity, similarity, weight)


def random(embeddings: np.ndarray, images: np.ndarray, patch_ids: Sequence[str], ranks: int, *, seed: int) -> Ranking:
    """Reports drawn uniformly without replacement, for each image on its own: the control without retrieval.

    The draw depends on the seed and the patch id alone, so adding an image changes no other image's report.
    """
    report = np.stack([_draw(len(embeddings), ranks, seed, patch_id) for patch_id in patch_ids])
    similarity = np.einsum("nd,nrd->nr", images, embeddings[report]).astype(np.float32)
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
