from itertools import pairwise

import numpy as np
import pytest

from clipit.statistics.sampling import draw, shares


@pytest.mark.parametrize("few", [0, 3, 10])
def test_shares_are_whole_fit_and_follow_the_sizes(few: int) -> None:
    rng = np.random.default_rng(few)
    for _ in range(200):
        sizes = rng.integers(1, 500, rng.integers(1, 12)).tolist()
        total = int(rng.integers(1, sum(sizes) + 20))
        given = shares(sizes, total, few)
        assert sum(given) == min(total, sum(sizes))
        least = min(few, total // len(sizes))
        for size, share in zip(sizes, given, strict=True):
            assert min(size, least) <= share <= size
        ordered = [share for _, share in sorted(zip(sizes, given, strict=True))]
        assert all(later >= earlier - 1 for earlier, later in pairwise(ordered))


def test_shares_by_hand() -> None:
    assert shares([1000, 100, 4], 100, few=10) == [10 + 70, 10 + 6, 4]  # 76 left for 990 and 90: 69.67 and 6.33
    assert shares([5, 5], 3, few=10) == [2, 1]
    assert shares([1, 1, 1], 2) == [1, 1, 0]
    assert shares([3, 4], 7) == [3, 4]


def test_a_draw_takes_every_group_and_is_the_same_for_names_in_another_order() -> None:
    names = [f"patch {i}" for i in range(900)]
    groups = [("train", 0) if i < 800 else ("test", 1) if i < 895 else ("val", None) for i in range(900)]
    rows = draw(names, groups, 100)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert len(rows) == 100
    counts = [sum(lo <= row < hi for row in rows) for lo, hi in ((0, 800), (800, 895), (895, 900))]
    assert counts[2] == 5
    assert counts[1] >= 10 and counts[0] > 5 * counts[1] / 2
    order = np.random.default_rng(0).permutation(900)
    again = draw([names[i] for i in order], [groups[i] for i in order], 100)
    assert {names[i] for i in rows} == {names[order[i]] for i in again}


def test_a_draw_is_of_all_where_there_are_few() -> None:
    assert draw(["a", "b"], ["x", "x"], 5).tolist() == [0, 1]
