"""Use of reports and agreement of pairings, where the answer is known by hand."""

import numpy as np
import pytest

from clipit.statistics.pairings import agreement, report_use


def test_a_uniform_pairing_covers_everything_evenly() -> None:
    figures = report_use(np.arange(100).reshape(-1, 1) % 10, 10)
    assert figures["coverage"] == 1
    assert figures["top_hub_share"] == pytest.approx(0.1)
    assert figures["entropy"] == pytest.approx(1)
    assert figures["effective_reports"] == pytest.approx(10)
    assert (figures["skewness"], figures["skewness_1"]) == (0, 0)


def test_a_hub_shows() -> None:
    figures = report_use(np.array([0] * 90 + list(range(1, 11))).reshape(-1, 1), 100)
    assert figures["coverage"] == pytest.approx(0.11)
    assert figures["top_hub_share"] == pytest.approx(0.9)
    assert figures["entropy"] < 0.2
    assert figures["effective_reports"] < 2
    assert figures["skewness_1"] > 5
    assert figures["hub_counts"][:2] == [90, 1]


def test_skewness_is_of_the_ten_best_and_of_the_best_apart() -> None:
    # Every image has a report of its own first and the same report second: a hub at k = 10 alone.
    n = 50
    figures = report_use(np.stack([np.arange(n), np.full(n, n)], axis=1), n + 1)
    occurrence = np.array([1] * n + [n])
    deviation = occurrence - occurrence.mean()
    assert figures["skewness"] == pytest.approx((deviation**3).mean() / (deviation**2).mean() ** 1.5)
    assert figures["skewness"] > 0 > figures["skewness_1"]


def test_ranks_that_are_missing_or_beyond_the_tenth_do_not_count() -> None:
    ranked = np.full((4, 12), -1)
    ranked[:, 0] = range(4)
    ranked[:, 11] = 3
    assert report_use(ranked, 4)["skewness"] == 0


def test_agreement_counts_the_best_and_the_ten() -> None:
    one = np.array([[0, 1, 2, 3], [4, 5, 6, 7]])
    other = np.array([[0, 9, 8, 1], [5, 4, 7, 6]])
    assert agreement(one, one) == {"same_best": 1, "overlap": 1}
    assert agreement(one, other) == {"same_best": 0.5, "overlap": pytest.approx((2 / 4 + 4 / 4) / 2)}
    assert agreement(one, other) == agreement(other, one)


def test_agreement_is_over_the_ranks_that_both_have() -> None:
    one, other = np.array([[0, 1, -1]]), np.array([[1, 0, -1]])
    assert agreement(one, other) == {"same_best": 0, "overlap": 1}
    wide = np.arange(24).reshape(2, 12)
    assert agreement(wide, wide[:, ::-1])["overlap"] == pytest.approx(0.8)  # ranks 11 and 12 are no neighbours
