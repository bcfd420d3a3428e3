import numpy as np

from clipit.sources.phantom.drawing import ellipses, lattice, noise


def test_an_ellipse_has_its_area_amount_and_direction():
    drawn = ellipses(64, np.array([[32.0, 32.0]]), 10.0, 4.0, 0.0, 0.5)
    assert abs(drawn.sum() - 0.5 * np.pi * 40) < 2
    assert drawn[32, 40] == 0.5
    assert drawn[40, 32] == 0


def test_ellipses_add_up_and_those_outside_draw_nothing():
    points = np.array([[10.0, 10.0], [10.0, 10.0], [-20.0, 5.0], [500.0, 5.0]])
    drawn = ellipses(32, points, 3.0, 3.0, 0.0, 1.0)
    assert drawn.max() == 2
    assert ellipses(32, points[2:], 3.0, 3.0, 0.0, 1.0).sum() == 0
    assert ellipses(32, points[:0], 3.0, 3.0, 0.0, 1.0).shape == (32, 32)


def test_an_ellipse_on_the_border_is_cut():
    whole = ellipses(32, np.array([[16.0, 16.0]]), 4.0, 4.0, 0.0, 1.0)
    cut = ellipses(32, np.array([[16.0, 0.0]]), 4.0, 4.0, 0.0, 1.0)
    np.testing.assert_allclose(cut[:, :10], whole[:, 16:26], atol=1e-6)


def test_lattice_points_keep_their_distance():
    points = lattice(np.random.default_rng(0), 64, 8, jitter=0.0)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert 7.5 < distance.min() < 8.1


def test_noise_is_smooth_at_its_scale():
    field = noise(np.random.default_rng(0), 64, 16)
    assert field.shape == (64, 64)
    assert np.abs(np.diff(field, axis=0)).max() < 0.6
