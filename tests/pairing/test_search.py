"""Exact search beside a plain argsort in float64."""

import numpy as np
import pytest

from clipit.pairing import search as module
from clipit.pairing.problem import bar
from clipit.pairing.search import Vectors, best_reports, blocks_of_similarity, nearest_images, products

NONE = bar([None] * 400, [[]] * 400)


def expected(score: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-score, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize(("pooling", "longest"), [("mean", 1), ("mean", 4), ("max", 4), ("late", 4)])
@pytest.mark.parametrize("biased", [False, True])
def test_the_best_reports_are_those_of_a_full_sort(world, pooling, longest, biased):
    made = world(90, 40, pooling=pooling, longest=longest)
    bias = np.random.default_rng(1).normal(size=40).astype(np.float32) * 0.1 if biased else None
    ranking = made.problem.ranked(bias)
    score = made.similarity + (0 if bias is None else bias)
    assert np.array_equal(ranking.report, expected(score, 10))
    np.testing.assert_allclose(ranking.score, np.take_along_axis(score, ranking.report, 1), atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "late"])
def test_a_score_does_not_depend_on_what_is_searched_with_it(world, pooling, monkeypatch):
    made = world(70, 60, pooling=pooling, longest=3)
    images, vectors = made.problem.images, made.problem.vectors
    report, score = best_reports(images, vectors, 5, barred=NONE, what="test")
    order = np.random.default_rng(2).permutation(len(images))
    turned = best_reports(images[order], vectors, 5, barred=NONE, what="test")
    assert np.array_equal(turned[0], report[order]) and np.array_equal(turned[1], score[order])
    monkeypatch.setattr(module, "BLOCK", 7)
    again = best_reports(images, vectors, 5, barred=NONE, what="test")
    assert np.array_equal(again[0], report) and np.array_equal(again[1], score)


@pytest.mark.parametrize("same", [2, 30, 50])
def test_equal_reports_are_ordered_by_row_however_many_there_are(world, same):
    made = world(20, 50)
    matrix = made.problem.vectors.matrix.copy()
    best = 3 * made.problem.images.mean(axis=0)  # nearer to every image than any other
    rows = np.sort(np.random.default_rng(3).permutation(50)[:same])
    matrix[rows] = best
    report, score = best_reports(made.problem.images, Vectors(matrix, np.arange(51)), 10, barred=NONE, what="test")
    assert (report[:, : min(10, same)] == rows[:10]).all()
    assert (np.diff(score) <= 0).all()


def test_barred_reports_are_left_out_and_others_move_up(world):
    group = [f"g{i % 5}" if i % 3 else None for i in range(60)]
    patients = [[f"g{j % 7}", f"g{j % 3}"] for j in range(25)]
    made = world(60, 25, group=group, patients=patients)
    barred = np.array([[g in names for names in patients] for g in group])
    score = np.where(barred, -np.inf, made.similarity)
    ranking = made.problem.ranked()
    assert np.array_equal(ranking.report, expected(score, made.problem.ranks))
    assert made.problem.barred.most == max(sum(g in names for names in patients) for g in {f"g{j}" for j in range(7)})


def test_more_reports_than_there_are_is_a_defect_and_no_endless_search(world):
    made = world(20, 8, pooling="late", longest=3)
    with pytest.raises(ValueError, match="fewer than 9 reports"):
        best_reports(made.problem.images, made.problem.vectors, 9, barred=NONE, what="test")


@pytest.mark.parametrize(("pooling", "longest"), [("mean", 1), ("late", 4)])
@pytest.mark.parametrize("k", [1, 7, 60, 100])
def test_the_nearest_images_of_a_report(world, pooling, longest, k):
    made = world(60, 25, pooling=pooling, longest=longest)
    found = nearest_images(made.problem.images, made.problem.vectors, k)
    np.testing.assert_allclose(found, -np.sort(-made.similarity.T, axis=1)[:, :k], atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "late"])
def test_blocks_of_similarity_are_the_whole(world, pooling, monkeypatch):
    monkeypatch.setattr(module, "_CELLS", 500)
    made = world(60, 25, pooling=pooling, longest=4)
    blocks = list(blocks_of_similarity(made.problem.images, made.problem.vectors))
    assert len(blocks) > 2
    np.testing.assert_allclose(np.concatenate(blocks), made.similarity, atol=1e-6)


def test_products_are_of_the_rows_named():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 9, 5)).astype(np.float32)
    rows = rng.integers(0, 9, (9, 3))
    np.testing.assert_allclose(products(left, right, rows), np.einsum("nd,nkd->nk", left, right[rows]), rtol=1e-5)


@pytest.mark.gpu
def test_a_gpu_finds_the_same(world):
    made = world(500, 300)
    found = best_reports(
        made.problem.images, made.problem.vectors, 10, barred=bar([None] * 500, [[]] * 300), what="t", device="cuda"
    )
    assert np.array_equal(found[0], expected(made.similarity, 10))
