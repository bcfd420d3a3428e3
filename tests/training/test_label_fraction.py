from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from clipit.training.examples import UNLABELLED, Examples
from clipit.training.label_fraction import keep_labels

FRACTIONS = (0.001, 0.05, 0.1, 0.25, 0.5, 0.9, 1.0)
SEEDS = range(12)
CLASSES = ("debris", "stroma", "tumour")


def make(label: np.ndarray, group: list[str | None], split: np.ndarray) -> Examples:
    n = len(label)
    patch_id = np.array([f"p{i}" for i in range(n)], dtype=object)
    sources = list(patch_id)
    return Examples(
        patch_id, np.arange(n), group, sources, [None] * n, split.astype(object), label, CLASSES, weak=False, stored=()
    )


def invent(grouped: float, patients: int = 40) -> Examples:
    """`patients` of 3 to 12 patches, each of one split and leaning to one class; some patches are unlabelled.

    `grouped` is the share of patients who are known.
    """
    rng = np.random.default_rng(7)
    size = rng.integers(3, 13, patients)
    leaning = rng.dirichlet((0.3, 0.6, 0.9), patients).repeat(size, axis=0)
    label = (rng.random((len(leaning), 1)) > leaning.cumsum(axis=1)[:, :2]).sum(axis=1)
    label[rng.random(len(label)) < 0.2] = UNLABELLED
    known = rng.random(patients) < grouped
    names = [f"g{i}" if known[i] else None for i in range(patients)]
    split = np.array(["train", "train", "val", "test"])[np.arange(patients) % 4]
    return make(label, np.array(names, dtype=object).repeat(size).tolist(), split.repeat(size))


def kept(examples: Examples, fraction: float, seed: int, split: str) -> np.ndarray:
    return keep_labels(examples, fraction, seed).labelled(split)


def counts(examples: Examples, positions: np.ndarray) -> np.ndarray:
    return np.bincount(examples.label[positions], minlength=len(CLASSES))


@pytest.fixture(params=[0.0, 0.5, 1.0], ids=["ungrouped", "mixed", "grouped"])
def examples(request: pytest.FixtureRequest) -> Examples:
    return invent(request.param)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_smaller_fraction_keeps_some_of_what_a_larger_one_keeps(examples: Examples, split: str) -> None:
    for seed in SEEDS:
        sets = [set(kept(examples, fraction, seed, split)) for fraction in FRACTIONS]
        assert all(fewer <= more for fewer, more in pairwise(sets))
        assert sets[0] < sets[-1]


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_group_keeps_all_its_labels_or_none(examples: Examples, split: str) -> None:
    all_of_them = examples.labelled(split)
    for seed in SEEDS:
        for fraction in FRACTIONS:
            some = set(kept(examples, fraction, seed, split))
            with_label = {examples.group[i] for i in some} - {None}
            without = {examples.group[i] for i in all_of_them if i not in some} - {None}
            assert not with_label & without


@pytest.mark.parametrize("split", ["train", "val"])
def test_at_least_the_fraction_is_kept_and_no_group_too_many(examples: Examples, split: str) -> None:
    named = [examples.group[i] for i in examples.labelled(split)]
    largest = max([1, *(named.count(name) for name in set(named) - {None})])
    for seed in SEEDS:
        for fraction in (0.25, 0.5, 0.9):
            more = len(kept(examples, fraction, seed, split)) - fraction * len(named)
            assert 0 <= more < largest


@pytest.mark.parametrize("split", ["train", "val"])
def test_every_class_keeps_a_label(examples: Examples, split: str) -> None:
    assert counts(examples, examples.labelled(split)).all()
    for seed in SEEDS:
        for fraction in FRACTIONS:
            assert counts(examples, kept(examples, fraction, seed, split)).all()


def test_only_labels_of_train_and_val_change_and_only_to_none(examples: Examples) -> None:
    before = examples.label.copy()
    fewer = keep_labels(examples, 0.1, 0)
    np.testing.assert_array_equal(examples.label, before)
    np.testing.assert_array_equal(fewer.labelled("test"), examples.labelled("test"))
    changed = fewer.label != before
    assert (fewer.label[changed] == UNLABELLED).all()
    assert set(examples.split[changed]) == {"train", "val"}
    assert len(fewer.unlabelled_train()) > len(examples.unlabelled_train())
    assert replace(fewer, label=before) == replace(examples, label=before)


def test_the_whole_fraction_changes_nothing(examples: Examples) -> None:
    assert keep_labels(examples, 1, 0) is examples


def test_the_seed_decides(examples: Examples) -> None:
    drawn = [keep_labels(examples, 0.25, seed).label for seed in SEEDS]
    np.testing.assert_array_equal(drawn[3], keep_labels(examples, 0.25, 3).label)
    assert len({tuple(label) for label in drawn}) == len(SEEDS)


def test_patches_without_a_group_keep_the_shares_of_the_classes_to_a_patch() -> None:
    label = np.repeat([0, 1, 2], [100, 300, 600])
    examples = make(label, [None] * 1000, np.full(1000, "train"))
    for seed in SEEDS:
        for fraction in (0.05, 0.1, 0.33, 0.5, 0.9):
            found = counts(examples, kept(examples, fraction, seed, "train"))
            assert np.abs(found - fraction * np.array([100, 300, 600])).max() <= 1


def test_groups_keep_the_shares_of_the_classes_better_than_a_draw_at_random() -> None:
    examples = invent(1.0, patients=200)
    labelled = examples.labelled("train")
    shares = counts(examples, labelled) / len(labelled)
    names = sorted({examples.group[i] for i in labelled})

    def distance(positions: np.ndarray) -> float:
        return float(np.abs(counts(examples, positions) / len(positions) - shares).max())

    def at_random(seed: int) -> np.ndarray:
        chosen = set(np.random.default_rng(seed).permutation(names)[: len(names) // 4])
        return np.array([i for i in labelled if examples.group[i] in chosen])

    ours = [distance(kept(examples, 0.25, seed, "train")) for seed in SEEDS]
    assert max(ours) < 0.03
    assert np.mean(ours) < np.mean([distance(at_random(seed)) for seed in SEEDS]) / 3


def test_a_class_that_no_patient_has_most_of_keeps_its_share() -> None:
    rng = np.random.default_rng(3)
    shares = rng.dirichlet((0.3, 1, 8), 200)
    label = np.concatenate([np.repeat([0, 1, 2], rng.multinomial(20, one)) for one in shares])
    examples = make(label, [f"g{i // 20}" for i in range(4000)], np.full(4000, "train"))
    found = [counts(examples, kept(examples, 0.05, seed, "train")) for seed in SEEDS]
    distances = [np.abs(one / one.sum() - counts(examples, np.arange(4000)) / 4000).max() for one in found]
    assert np.mean(distances) < 0.01


def test_seeds_draw_different_groups_though_the_best_ones_are_the_same() -> None:
    examples = invent(1.0, patients=200)
    drawn = [{examples.group[i] for i in kept(examples, 0.25, seed, "train")} for seed in SEEDS]
    shared = [len(one & two) / len(one | two) for one, two in pairwise(drawn)]
    assert np.mean(shared) < 0.3


def test_a_tiny_fraction_keeps_one_group_for_every_class() -> None:
    label = np.tile([0, 1, 2, 2], 30)
    alone = make(label, [None] * 120, np.repeat(["train", "val"], 60))
    for seed in SEEDS:
        assert counts(alone, kept(alone, 1e-9, seed, "train")).tolist() == [1, 1, 1]
        assert counts(alone, kept(alone, 1e-9, seed, "val")).tolist() == [1, 1, 1]
    together = replace(alone, group=[f"g{i // 4}" for i in range(120)])
    assert counts(together, kept(together, 1e-9, 0, "train")).tolist() == [1, 1, 2]


def test_a_class_that_val_lacks_is_not_asked_of_it() -> None:
    examples = make(np.tile([0, 1, 2, 1, 1, 2], 10), [None] * 60, np.tile(["train"] * 3 + ["val"] * 3, 10))
    assert counts(examples, kept(examples, 0.1, 0, "val")).tolist() == [0, 2, 1]


def test_a_rare_class_costs_no_labels_beyond_the_fraction() -> None:
    """It comes first, and is not waited for until its share would be due."""
    examples = make(np.repeat([0, 1, 2], [1, 499, 500]), [None] * 1000, np.full(1000, "train"))
    for seed in SEEDS:
        assert counts(examples, kept(examples, 0.05, seed, "train")).tolist() in ([1, 24, 25], [1, 25, 24])


def test_a_patient_who_has_the_rarest_class_may_bring_the_others() -> None:
    label = np.array([0, 1, 2] + [1, 2] * 20)
    examples = make(label, ["rare"] * 3 + [None] * 40, np.full(43, "train"))
    for seed in SEEDS:
        assert kept(examples, 1e-9, seed, "train").tolist() == [0, 1, 2]


def test_a_product_that_floats_miss_counts_as_whole() -> None:
    examples = make(np.arange(100) % 3, [None] * 100, np.full(100, "train"))
    assert 0.07 * 100 > 7
    assert len(kept(examples, 0.07, 0, "train")) == 7


@pytest.mark.parametrize("fraction", [0, -0.1, 1.5, 5, float("nan")])
def test_what_is_no_fraction_is_refused(examples: Examples, fraction: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        keep_labels(examples, fraction, 0)
