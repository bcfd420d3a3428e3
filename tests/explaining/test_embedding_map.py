import numpy as np
import pytest

from clipit.explaining.embedding_map import agreement, principal_plane


def test_axes_point_to_where_their_largest_loading_is_positive() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 5)).astype(np.float32) * [1, 9, 1, 4, 1]
    points, shares = principal_plane(features)
    assert points.dtype == np.float32
    for axis, column in enumerate((1, 3)):
        assert np.corrcoef(points[:, axis], features[:, column])[0, 1] > 0.99
    assert shares == pytest.approx([81 / 100, 16 / 100], abs=0.06)


def test_neither_the_order_of_patches_nor_a_second_try_changes_a_point() -> None:
    features = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    points, _ = principal_plane(features)
    assert principal_plane(features)[0].tobytes() == points.tobytes()
    backwards, _ = principal_plane(features[::-1])
    assert backwards[::-1] == pytest.approx(points, abs=1e-5)


@pytest.mark.parametrize("features", [np.ones((4, 3)), np.ones((1, 3)), np.ones((0, 3))])
def test_where_nothing_varies_all_lies_at_one_point(features: np.ndarray) -> None:
    points, shares = principal_plane(features.astype(np.float32))
    assert points.shape == (len(features), 2)
    assert not points.any()
    assert not shares.any()


def test_one_dimension_has_one_axis() -> None:
    points, shares = principal_plane(np.array([[0.0], [3.0]], np.float32))
    assert points.tolist() == [[-1.5, 0], [1.5, 0]]
    assert shares.tolist() == [1, 0]


def test_classes_apart_agree_and_noise_agrees_by_chance() -> None:
    rng = np.random.default_rng(0)
    label = np.arange(400) % 4
    noise = rng.normal(size=(400, 20))
    found, chance = agreement(noise + 50 * np.eye(20)[label], label, None)
    assert found == 1
    assert chance == pytest.approx(99 / 399)
    assert agreement(noise, label, None)[0] == pytest.approx(chance, abs=0.05)


def test_a_patients_own_patches_are_no_neighbours() -> None:
    """Patches lie by patient and not by class: only within a patient do neighbours look alike."""
    rng = np.random.default_rng(0)
    group = np.arange(240) // 20
    label = group % 2
    features = 50 * rng.normal(size=(12, 8))[group] + rng.normal(size=(240, 8))
    found, chance = agreement(features, label, group)
    assert agreement(features, label, None)[0] == 1
    assert found < 0.7
    assert chance == pytest.approx(5 / 11)


def test_one_patient_has_no_neighbours() -> None:
    assert agreement(np.eye(4), np.arange(4) % 2, np.zeros(4)) is None
