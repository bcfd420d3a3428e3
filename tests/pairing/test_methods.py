"""Each method beside its formula in float64 over the whole matrix; and what all of them have in common."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

from clipit.pairing import search
from clipit.pairing.methods import METHODS
from clipit.pairing.problem import Problem, Ranking, bar
from clipit.pairing.search import Vectors
from clipit.pairing.transport import report_potentials

SETTINGS = {
    "top1": {},
    "topk": {},
    "mutual": {"neighbours": 6},
    "csls": {"neighbours": 6},
    "nnn": {"neighbours": 6, "alpha": 0.75},
    "inverted_softmax": {"beta": 20.0},
    "sinkhorn": {"epsilon": 0.05, "iterations": 500},
    "centred": {},
    "random": {"seed": 3},
    "shuffled": {"seed": 3, "of": {"method": "top1", "settings": {}}},
    "oracle": {},
}
BY_SCORE = ["top1", "topk", "mutual", "csls", "nnn", "inverted_softmax", "sinkhorn", "centred"]


def run(problem: Problem, method: str, **settings: Any) -> Ranking:
    return METHODS[method](problem, **(SETTINGS[method] | settings))


def with_truth(problem: Problem) -> Problem:
    """Findings of images and reports, three of each."""
    return replace(problem, truth=(np.arange(len(problem.images)) % 3, np.arange(len(problem.reports)) % 3))


def mean_of_nearest(s: np.ndarray, train: np.ndarray, k: int) -> np.ndarray:
    return np.sort(s[train], axis=0)[-k:].mean(axis=0)


def reference(method: str, s: np.ndarray, train: np.ndarray, images: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """The score of every image and report."""
    if method in ("top1", "topk"):
        return s
    if method == "csls":
        return 2 * s - mean_of_nearest(s, train, 6)
    if method == "nnn":
        return s - 0.75 * mean_of_nearest(s, train, 6)
    if method == "inverted_softmax":
        corrected = s - (logsumexp(20 * s[train], axis=0) - np.log(train.sum())) / 20
        active = np.isin(s.argmax(axis=1), s[train].argmax(axis=1))
        return np.where(active[:, None], corrected, s)
    if method == "mutual":
        of_image = s >= np.sort(s, axis=1)[:, -6:-5]
        of_report = s >= np.sort(s[train], axis=0)[-6]
        return s + 2 * (of_image & of_report)
    if method == "sinkhorn":
        g = np.zeros(s.shape[1])
        for _ in range(2000):
            f = -logsumexp(s[train] / 0.05 + g, axis=1, keepdims=True)
            g = -logsumexp(s[train] / 0.05 + f, axis=0)
        return s + 0.05 * (g - g.mean())
    assert method == "centred"
    left, right = images - images[train].mean(axis=0), texts - texts.mean(axis=0)
    return (left / np.linalg.norm(left, axis=1)[:, None]) @ (right / np.linalg.norm(right, axis=1)[:, None]).T


@pytest.mark.parametrize("method", BY_SCORE)
def test_a_method_is_its_formula(world, method):
    made = world(80, 30)
    images, texts = (rows.astype(np.float64) for rows in (made.problem.images, made.problem.reports.pooled))
    score = reference(method, made.similarity, made.train, images, texts)
    ranking = run(made.problem, method)
    best = -np.sort(-score, axis=1)[:, :10]
    np.testing.assert_allclose(ranking.score, best, atol=2e-4 if method == "sinkhorn" else 2e-6)
    np.testing.assert_allclose(np.take_along_axis(score, ranking.report, 1), best, atol=2e-4)


@pytest.mark.parametrize("method", ["top1", "csls", "nnn", "inverted_softmax", "mutual"])
def test_late_pooling_compares_with_the_best_chunk(world, method):
    made = world(80, 30, pooling="late", longest=4)
    score = reference(method, made.similarity, made.train, made.problem.images, made.problem.reports.chunks)
    ranking = run(made.problem, method)
    np.testing.assert_allclose(ranking.score, -np.sort(-score, axis=1)[:, :10], atol=2e-6)


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("pooling", ["mean", "late"])
def test_train_pairs_do_not_depend_on_other_images(world, method, pooling):
    made = world(80, 30, pooling=pooling, longest=3)
    problem = with_truth(made.problem)
    other = world(80, 30, seed=9).problem.images
    changed = replace(problem, images=np.where(made.train[:, None], problem.images, other))
    keep = np.flatnonzero(made.train | (np.arange(80) % 5 == 0))
    fewer = replace(
        problem, images=problem.images[keep], patch_id=problem.patch_id[keep], split=problem.split[keep],
        barred=replace(problem.barred, group=problem.barred.group[keep]),
        truth=(problem.truth[0][keep], problem.truth[1]),
    )  # fmt: skip
    whole = run(problem, method)
    for another, rows in ((run(changed, method), np.arange(80)), (run(fewer, method), keep)):
        train = made.train[rows]
        assert np.array_equal(another.report[train], whole.report[made.train])
        assert another.score[train].tobytes() == whole.score[made.train].tobytes()


GROUPS = [f"g{i % 9}" for i in range(80)]
PATIENTS = [[f"g{j // 5}"] if j < 20 else ["g20"] for j in range(30)]  # some with images; g20 has most, and none


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("left_out", ["val", "test", "a patient"])
def test_no_pair_depends_on_the_images_of_other_splits_whoever_is_barred(world, method, left_out):
    """The rest is barred anew, as it would be without the images that are left out."""
    whole = with_truth(world(80, 30, group=GROUPS, patients=PATIENTS).problem)
    gone = whole.split == left_out
    if left_out == "a patient":  # the one with barred reports, of whom there is one image, in test
        groups = ["g3" if i == 79 else "g8" for i in range(80)]
        whole, gone = replace(whole, barred=bar(groups, PATIENTS)), np.arange(80) == 79
        assert whole.split[79] == "test"
    else:
        groups = GROUPS
    keep = np.flatnonzero(~gone)
    fewer = replace(
        whole, images=whole.images[keep], patch_id=whole.patch_id[keep], split=whole.split[keep],
        barred=bar([groups[i] for i in keep], PATIENTS), truth=(whole.truth[0][keep], whole.truth[1]),
    )  # fmt: skip
    told = keep if method != "shuffled" else keep[whole.split[keep] == "train"]  # dealt among those of one split
    one, other = run(whole, method), run(fewer, method)
    assert np.array_equal(one.report[told], other.report[np.isin(keep, told)])
    assert one.score[told].tobytes() == other.score[np.isin(keep, told)].tobytes()


def test_random_is_uniform_over_the_reports_that_an_image_may_have(world):
    made = world(4000, 12, group=["g0"] * 4000, patients=[["g0"]] * 2 + [[]] * 10, ranks=3)
    report = run(made.problem, "random").report
    assert report.min() == 2 and all(len(set(row)) == 3 for row in report.tolist())
    for rank in range(3):
        used = np.bincount(report[:, rank], minlength=12)[2:]
        assert ((used - 400) ** 2 / 400).sum() < 9 + 5 * np.sqrt(18)  # chi-squared, 9 degrees of freedom


def test_shuffled_deals_a_corpus_that_is_just_large_enough(world):
    patients = [[f"g{j % 3}"] for j in range(15)]
    made = world(60, 15, group=[f"g{i % 4}" for i in range(60)], patients=patients)
    assert made.problem.ranks == made.problem.most_ranks == 10
    ranking = run(made.problem, "shuffled")
    assert all(f"g{i % 4}" not in patients[j] for i, row in enumerate(ranking.report) for j in row)
    assert all(len(set(row)) == 10 for row in ranking.report.tolist())


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_order_of_images_and_the_size_of_blocks_change_nothing(world, method, monkeypatch):
    problem = with_truth(world(80, 30).problem)
    whole = run(problem, method)
    order = np.random.default_rng(4).permutation(80)
    turned = replace(
        problem, images=problem.images[order], patch_id=problem.patch_id[order], split=problem.split[order],
        truth=(problem.truth[0][order], problem.truth[1]),
    )  # fmt: skip
    again = run(turned, method)
    assert np.array_equal(again.report, whole.report[order])
    assert np.array_equal(again.score, whole.score[order])
    monkeypatch.setattr(search, "BLOCK", 9)
    monkeypatch.setattr(search, "_CELLS", 400)
    small = run(problem, method)
    assert np.array_equal(small.report, whole.report)
    np.testing.assert_allclose(small.score, whole.score, atol=1e-6)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_no_method_pairs_a_patient_with_its_own_report(world, method):
    group = [f"g{i % 9}" for i in range(80)]
    patients = [[f"g{j % 12}"] for j in range(30)]
    made = world(80, 30, group=group, patients=patients)
    ranking = run(with_truth(made.problem), method)
    assert all(group[i] not in patients[j] for i, row in enumerate(ranking.report) for j in row)
    assert all(len(set(row)) == 10 for row in ranking.report.tolist())


def test_corrections_vanish_where_train_images_prefer_no_report(world):
    """Train images at right angles to all reports: every report is as near to them, and nothing is to be corrected."""
    made = world(60, 20)
    images = made.problem.images.copy()
    images[:, 8:] = 0
    texts = made.problem.reports.pooled.copy()
    texts[:, :8] = 0
    texts[:, 8:] += 0.01
    images[~made.train] = world(60, 20, seed=5).problem.images[~made.train]
    problem = replace(made.problem, images=images)
    problem.__dict__["vectors"] = Vectors(texts, np.arange(21))
    plain = run(problem, "top1").report[~made.train]
    for method in ("csls", "nnn", "inverted_softmax", "sinkhorn"):
        assert np.array_equal(run(problem, method).report[~made.train], plain), method


def test_little_correction_is_none(world):
    problem = world(60, 20).problem
    assert np.array_equal(run(problem, "nnn", alpha=1e-9).report, run(problem, "top1").report)


def test_images_that_no_report_of_the_bank_answers_keep_their_similarity(world):
    """The dynamic part: an image whose report no train image has as its best is not corrected."""
    made = world(80, 30)
    own = made.similarity.argmax(axis=1)
    outside = ~np.isin(own, own[made.train])
    assert outside.any()
    ranking = run(made.problem, "inverted_softmax")
    assert np.array_equal(ranking.report[outside, 0], own[outside])


def test_the_plan_of_transport_has_equal_marginals(world):
    made = world(100, 20)
    train = made.problem.train
    g, error = report_potentials(train, made.problem.vectors, 0.05, 1000)
    assert error <= 1e-3
    logits = train.astype(np.float64) @ made.problem.vectors.matrix.T.astype(np.float64) / 0.05 + g
    plan = np.exp(logits - logsumexp(logits, axis=1, keepdims=True)) / len(train)
    np.testing.assert_allclose(plan.sum(axis=1), 1 / len(train), rtol=1e-9)
    np.testing.assert_allclose(plan.sum(axis=0), 1 / 20, rtol=1.1e-3)
    assert abs(g.mean()) < 1e-9


def test_transport_that_has_not_settled_is_told(world, capsys):
    run(world(60, 20).problem, "sinkhorn", iterations=1)
    assert "shares are still" in capsys.readouterr().err


def test_a_sharp_plan_does_not_overflow(world):
    ranking = run(world(60, 20).problem, "sinkhorn", epsilon=1e-3, iterations=50)
    assert np.isfinite(ranking.score).all()


def test_fewer_hubs_than_the_similarity_alone(world):
    """What the corrections are for; the planted world has hubs."""
    problem = world(400, 60, seed=2).problem

    def greatest_share(method: str) -> float:
        return np.bincount(run(problem, method).report[:, 0], minlength=60).max() / 400

    plain = greatest_share("top1")
    assert plain > 0.1
    for method in ("csls", "inverted_softmax", "sinkhorn", "centred"):
        assert greatest_share(method) < plain, method


def test_mutual_looks_further_than_the_ranks_that_are_written(world):
    made = world(80, 30, ranks=3)
    ranking = run(made.problem, "mutual", neighbours=8)
    s, train = made.similarity, made.train
    near = (s >= np.sort(s, axis=1)[:, -8:-7]) & (s >= np.sort(s[train], axis=0)[-8])
    np.testing.assert_allclose(ranking.score, -np.sort(-(s + 2 * near), axis=1)[:, :3], atol=2e-6)


@pytest.mark.parametrize("method", ["top1", "sinkhorn"])
def test_shuffling_keeps_how_often_each_report_is_used_in_each_split(world, method):
    made = world(80, 30)
    of = {"method": method, "settings": SETTINGS[method]}
    plain, dealt = run(made.problem, method).report, run(made.problem, "shuffled", of=of).report
    for split in ("train", "val", "test"):
        rows = made.problem.split == split
        assert sorted(dealt[rows, 0]) == sorted(plain[rows, 0])
        assert (dealt[rows, 0] != plain[rows, 0]).any()
    assert not np.array_equal(run(made.problem, "shuffled", of=of, seed=4).report, dealt)


def test_the_oracle_knows_the_finding(world):
    problem = with_truth(world(80, 30).problem)
    of_image, of_report = problem.truth
    ranking = run(problem, "oracle")
    assert (of_report[ranking.report] == of_image[:, None]).all()  # ten reports of each finding
    assert (np.diff(ranking.score, axis=1) <= 0).all()
