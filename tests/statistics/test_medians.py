import numpy as np
import pytest

from clipit.statistics.medians import median


def test_the_interval_covers_the_true_median_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    for n in (6, 13, 60):
        found = [median(rng.lognormal(size=n)) for _ in range(2000)]  # whose median is 1
        assert 0.945 < np.mean([one.low <= 1 <= one.high for one in found]) < 0.995


def test_one_value_far_off_moves_nothing() -> None:
    values = [1.0 + 0.001 * i for i in range(21)]
    assert median([*values[:-1], 1000.0]) == pytest.approx(median(values))


def test_of_few_values_the_interval_is_all_that_was_seen() -> None:
    assert median([3.0]) == (3.0, 3.0, 3.0)
    assert median([4.0, 1.0, 2.0]) == (2.0, 1.0, 4.0)
