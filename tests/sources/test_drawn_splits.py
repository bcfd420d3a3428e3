"""Drawn splits: shares, every class in each, the same each time, and little moved by one more image."""

from collections import Counter

import pytest

from clipit.runtime.errors import UserError
from clipit.sources.drawn_splits import drawn_splits, held_out, with_val


def labelled(**counts: int) -> dict[str, str]:
    return {f"{label}/{i}.png": label for label, n in counts.items() for i in range(n)}


def test_each_class_is_divided_by_the_shares_of_the_rest() -> None:
    labels = labelled(a=100, b=50)
    split = drawn_splits(labels, 0.3, 0.2, 0, "here")
    assert Counter((labels[source], name) for source, name in split.items()) == {
        ("a", "test"): 30,
        ("a", "val"): 14,
        ("a", "train"): 56,
        ("b", "test"): 15,
        ("b", "val"): 7,
        ("b", "train"): 28,
    }


def test_a_draw_depends_on_its_seed_alone() -> None:
    labels = labelled(a=40, b=40)
    again = dict(reversed(labels.items()))
    assert drawn_splits(labels, 0.3, 0.2, 5, "here") == drawn_splits(again, 0.3, 0.2, 5, "here")
    assert drawn_splits(labels, 0.3, 0.2, 5, "here") != drawn_splits(labels, 0.3, 0.2, 6, "here")


@pytest.mark.parametrize("seed", range(5))
def test_one_more_image_moves_few_others(seed: int) -> None:
    labels = labelled(a=200, b=200)
    before = drawn_splits(labels, 0.3, 0.2, seed, "here")
    after = drawn_splits(labels | {"a/new.png": "a"}, 0.3, 0.2, seed, "here")
    assert sum(before[source] != after[source] for source in before) <= 2


def test_what_is_all_test_stays_so() -> None:
    given = {"a.png": "test", "b.png": "test"}
    assert with_val(given, {name: name for name in given}, 0.5, 0, "here") == given


def test_the_smallest_class_has_one_of_each() -> None:
    assert sorted(drawn_splits(labelled(a=3), 0.01, 0.01, 0, "here").values()) == ["test", "train", "val"]


@pytest.mark.parametrize(("n", "test_share"), [(2, 0.3), (1, 0.3), (10, 1.0), (10, 0.9)])
def test_a_class_without_a_train_image_is_refused(n: int, test_share: float) -> None:
    with pytest.raises(UserError, match=r"here: class .* has .* images, too few"):
        drawn_splits(labelled(a=100, b=n), test_share, 0.2, 0, "here")


def test_val_is_taken_from_train_by_whole_groups() -> None:
    given = {f"{i}": "test" if i < 4 else "train" for i in range(40)}
    groups = {source: f"patient{int(source) // 4}" for source in given}
    split = with_val(given, groups, 0.25, 0, "here")
    home = {groups[source]: name for source, name in split.items()}
    assert all(home[groups[source]] == name for source, name in split.items())
    assert Counter(home.values()) == {"test": 1, "val": 2, "train": 7}


def test_a_val_split_that_is_given_stays() -> None:
    given = {"a": "train", "b": "val", "c": "test"}
    assert with_val(given, {source: source for source in given}, 0.9, 0, "here") == given


@pytest.mark.parametrize("split", ["train", "test"])
def test_data_without_train_or_test_are_refused(split: str) -> None:
    with pytest.raises(UserError, match=f"here has no {split} images"):
        with_val({"a": "val", "b": "train" if split == "test" else "test"}, {"a": "a", "b": "b"}, 0.2, 0, "here")


def test_at_least_one_is_held_out() -> None:
    assert len(held_out("abcd", 0.0, 0)) == 1
