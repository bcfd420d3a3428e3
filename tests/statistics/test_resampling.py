import numpy as np

from clipit.statistics.metrics import auroc
from clipit.statistics.resampling import draws, interval, simultaneous


def test_ungrouped_draws_keep_the_class_counts() -> None:
    labels = np.array([0] * 30 + [1] * 5)
    weights = np.concatenate(list(draws(labels, None, 50)))
    assert weights.shape == (50, 35)
    assert (weights[:, :30].sum(axis=1) == 30).all()
    assert (weights[:, 30:].sum(axis=1) == 5).all()


def test_grouped_draws_take_whole_groups() -> None:
    groups = np.array([0, 1, 2, 0, 1, 2, 2])
    weights = np.concatenate(list(draws(np.zeros(7, dtype=int), groups, 40)))
    assert (weights[:, groups == 2] == weights[:, [2]]).all()
    assert (weights[:, :3].sum(axis=1) == 3).all()


def test_blocks_and_seeds_decide_nothing_but_the_draws() -> None:
    labels = np.random.default_rng(0).integers(0, 2, 3000)
    once, again = (np.concatenate(list(draws(labels, None, 800, seed=3))) for _ in range(2))
    assert (once == again).all()
    assert once.shape == (800, 3000)
    assert not (once == np.concatenate(list(draws(labels, None, 800, seed=4)))).all()


def test_resamples_of_one_class_leave_the_interval_of_auroc_defined() -> None:
    """Patients of one class each: some resamples draw a single class, where AUROC does not exist."""
    labels = np.repeat([0, 1], 20)
    groups = np.repeat(np.arange(10), 4)
    score = np.random.default_rng(0).uniform(0.2, 0.8, 40)
    weights = np.concatenate(list(draws(labels, groups, 2000)))
    samples = auroc(labels, np.stack([1 - score, score], axis=1), weights)
    assert np.isnan(samples).any()
    assert np.isfinite(interval(samples)).all()


def test_intervals_that_hold_together_are_as_wide_as_their_number_asks() -> None:
    rng = np.random.default_rng(0)
    values = np.arange(20) / 10
    samples = values + rng.normal(size=(20_000, 20)) * 0.5
    low, high = simultaneous(values[:1], samples[:, :1])
    assert abs((high - low)[0] / 2 - 1.96 * 0.5) < 0.02  # alone: the normal interval
    low, high = simultaneous(values, samples)
    assert np.allclose((high - low) / 2, 3.02 * 0.5, atol=0.03)  # Šidák: the normal quantile of 0.95^(1/20)
    same = np.repeat(samples[:, :1], 20, axis=1)  # what moves together is one comparison
    assert np.allclose(simultaneous(values[[0] * 20], same)[1], simultaneous(values[:1], samples[:, :1])[1])


def test_what_never_varies_has_no_width_and_widens_no_other() -> None:
    samples = np.column_stack([np.random.default_rng(0).normal(size=500), np.zeros(500)])
    low, high = simultaneous(np.zeros(2), samples)
    assert low[1] == high[1] == 0
    assert np.isclose(high[0], simultaneous(np.zeros(1), samples[:, :1])[1][0])
