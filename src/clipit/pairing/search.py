"""Exact search for the best reports of every image, in blocks, so that memory does not grow with images x reports.

Nothing is approximate: ten thousand reports are searched at the rate of a matrix product (docs/retrieval.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import faiss
import numpy as np

from clipit.runtime.progress import Progress

BLOCK = 4096
"""Images that are searched at a time."""
_CELLS = 4_000_000
"""Similarities that are held at a time where all of them are needed: 16 MB, a few times that while they are used."""
_SPARE = 6
"""Candidates beyond those asked for: they show where a tie goes on past the last one."""
_ROUNDING = 1e-5
"""What two ways to sum one product of unit vectors differ by at most; far below what tells reports apart."""


@dataclass(frozen=True)
class Vectors:
    """What images are compared with: M reports, each by one vector or by several, of which the best counts.

    Attributes:
        matrix: float32 (V, d), the vectors of report j at rows `first[j]` to `first[j + 1]`.
        first: int64 (M + 1,).
        bias: float32 (M,), added to every similarity to a report; None: nothing.
    """

    matrix: np.ndarray
    first: np.ndarray
    bias: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def single(self) -> bool:
        """Whether each report has one vector."""
        return len(self.matrix) == len(self)

    @property
    def owner(self) -> np.ndarray:
        """The report of each vector, int64 (V,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))


@dataclass(frozen=True)
class Barred:
    """Pairs of a patient and a report that never meet.

    Attributes:
        group: a number for the patient of each image, int64 (n,); -1: none of the reports is of that patient.
        keys: patient x M + report of every barred pair, int64, sorted.
        n_reports: M.
        most: reports of the patient who has most of the corpus, with or without an image: what ranks there are must
            not depend on the images.
    """

    group: np.ndarray
    keys: np.ndarray
    n_reports: int
    most: int

    def counts(self) -> tuple[int, int]:
        """How many reports are barred for some image, and how many images have such reports."""
        return len(np.unique(self.keys % self.n_reports)), int((self.group >= 0).sum())

    def mask(self, rows: np.ndarray, report: np.ndarray) -> np.ndarray:
        """Which of the reports (rows, k) are barred for the images at `rows`."""
        if not len(self.keys):
            return np.zeros(report.shape, bool)
        return np.isin(self.group[rows][:, None] * self.n_reports + report, self.keys)


def best_reports(
    images: np.ndarray, vectors: Vectors, k: int, *, barred: Barred, what: str, device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """The k reports with the greatest score s_ij + bias_j of each image; s_ij is the product with the best vector.

    Equal scores are ordered by the report's row. A score is the sum of one image and one report, whatever else is
    searched with them: order and number of images change nothing.

    Args:
        images: float32 (n, d).
        vectors: of the reports.
        k: reports an image; at most the corpus less what is barred.
        what: name of the work, for the progress line.
        device: `cuda` searches on a GPU, where faiss knows one.

    Returns:
        rows of the reports int64 (n, k), and scores float32 (n, k), best first.

    Raises:
        ValueError: an image has fewer than k reports that are not barred.
    """
    # The bias is one more dimension, so that the index ranks by the score.
    matrix = vectors.matrix if vectors.bias is None else np.column_stack([vectors.matrix, vectors.bias[vectors.owner]])
    index = _index(matrix, device)
    report, score = np.empty((len(images), k), np.int64), np.empty((len(images), k), np.float32)
    with Progress(what, len(images), "images") as progress:
        for start in range(0, len(images), BLOCK):
            todo = np.arange(start, min(start + BLOCK, len(images)))
            width = min(len(matrix), (k if vectors.single else 4 * k) + _SPARE)
            while len(todo):
                found, value, sure = _candidates(index, images, todo, vectors, width, k, barred)
                report[todo[sure]], score[todo[sure]] = found[sure], value[sure]
                if width == len(matrix) and not sure.all():
                    raise ValueError(f"an image has fewer than {k} reports")
                todo, width = todo[~sure], min(len(matrix), 2 * width)
            progress.advance(min(BLOCK, len(images) - start))
    return report, score


def _candidates(
    index: faiss.Index, images: np.ndarray, rows: np.ndarray, vectors: Vectors, width: int, k: int, barred: Barred
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best k reports among the `width` best vectors of some images, and whether no other could be among them."""
    query = np.ascontiguousarray(images[rows])
    asked = query if vectors.bias is None else np.column_stack([query, np.ones(len(query), np.float32)])
    _, row = index.search(asked, width)
    value = products(query, vectors.matrix, row)
    report = row if vectors.single else vectors.owner[row]
    if vectors.bias is not None:
        value += vectors.bias[report]
    order = np.lexsort((report, -value), axis=1)
    report, value = np.take_along_axis(report, order, 1), np.take_along_axis(value, order, 1)
    last = value[:, -1].copy()
    unfit = barred.mask(rows, report)
    if not vectors.single:
        unfit |= _repeated(report)
    first = np.argsort(unfit, axis=1, kind="stable")[:, :k]  # the k best that are fit
    fit = ~np.take_along_axis(unfit, first, 1)
    report, value = np.take_along_axis(report, first, 1), np.take_along_axis(value, first, 1)
    sure = fit.all(axis=1) & ((value[:, -1] > last + _ROUNDING) | (width == len(vectors.matrix)))
    return report, value, sure


def _repeated(report: np.ndarray) -> np.ndarray:
    """Which entries of each row occur further to the left already."""
    order = np.argsort(report, axis=1, kind="stable")
    ordered = np.take_along_axis(report, order, 1)
    again = np.zeros(report.shape, bool)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    repeated = np.empty_like(again)
    np.put_along_axis(repeated, order, again, 1)
    return repeated


def nearest_images(images: np.ndarray, vectors: Vectors, k: int, device: str = "cpu") -> np.ndarray:
    """Similarities of each report to its k nearest images, float32 (M, k), greatest first; no bias is added.

    A report of several vectors is as near to an image as the best of them.
    """
    k = min(k, len(images))
    _, image = _index(images, device).search(vectors.matrix, k)
    value = products(vectors.matrix, images, image)
    if vectors.single:
        return -np.sort(-value, axis=1)
    owner = np.repeat(vectors.owner, k)
    image, value = image.reshape(-1), value.reshape(-1)
    order = np.lexsort((-value, image, owner))
    owner, image, value = owner[order], image[order], value[order]
    once = np.ones(len(owner), bool)
    once[1:] = (np.diff(owner) != 0) | (np.diff(image) != 0)
    owner, value = owner[once], value[once]
    order = np.lexsort((-value, owner))
    start = np.searchsorted(owner, np.arange(len(vectors)))
    return value[order][start[:, None] + np.arange(k)]


def blocks_of_similarity(images: np.ndarray, vectors: Vectors) -> Iterator[np.ndarray]:
    """The similarities of all images to all reports, float32 (b, M), some images at a time; no bias is added."""
    step = max(1, _CELLS // len(vectors.matrix))
    for start in range(0, len(images), step):
        block = images[start : start + step] @ vectors.matrix.T
        yield block if vectors.single else np.maximum.reduceat(block, vectors.first[:-1], axis=1)


def products(left: np.ndarray, right: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Inner product of each row of `left` (n, d) with `right`[rows] of its own, rows int64 (n, k): float32 (n, k).

    Each is summed on its own, in one order: the value does not depend on what stands beside it.
    """
    left, right, rows = (np.ascontiguousarray(array) for array in (left, right, rows))
    value = np.empty(rows.shape, np.float32)
    pointers = (faiss.swig_ptr(array) for array in (value, left, right, rows))
    faiss.fvec_inner_products_by_idx(*pointers, left.shape[1], *rows.shape)  # type: ignore[attr-defined]
    return value


def _index(matrix: np.ndarray, device: str) -> faiss.Index:
    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(np.ascontiguousarray(matrix))
    if device != "cpu" and faiss.get_num_gpus():  # faiss for CPUs knows of none
        return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)
    return index
