import numpy as np

from clipit.sources.phantom.stain import Exposure, Stain


def slide(seed: int) -> Stain:
    return Stain.draw(np.random.default_rng(seed), np.random.default_rng(seed + 100))


def test_two_tissues_of_one_exposure_have_one_colour():
    rng = np.random.default_rng(0)
    exposure = Exposure(mean=np.array([0.6, 0.65]), std=np.array([0.18, 0.12]))
    smooth = np.abs(rng.normal(0.3, 0.1, (2, 64, 64))).astype(np.float32)
    sparse = (rng.random((2, 64, 64)) < 0.1).astype(np.float32)
    images = [slide(1).image(dye, exposure, np.random.default_rng(2)).reshape(-1, 3) for dye in (smooth, sparse)]
    np.testing.assert_allclose(images[0].mean(axis=0), images[1].mean(axis=0), atol=4)
    np.testing.assert_allclose(images[0].std(axis=0), images[1].std(axis=0), atol=4)


def test_haematoxylin_is_bluer_and_eosin_redder():
    dye = np.zeros((2, 32, 32), dtype=np.float32)
    dye[0, :, :16], dye[1, :, 16:] = 0.6, 0.6
    exposure = Exposure(np.array([0.6, 0.6]), np.array([0.2, 0.2]))
    image = slide(0).image(dye, exposure, np.random.default_rng(0)).astype(float)
    left, right = image[:, 2:14].mean(axis=(0, 1)), image[:, 18:30].mean(axis=(0, 1))
    assert left[2] > left[0]
    assert right[0] > right[2]


def test_slides_of_a_patient_are_alike_but_not_equal():
    first = Stain.draw(np.random.default_rng(0), np.random.default_rng(1))
    second = Stain.draw(np.random.default_rng(0), np.random.default_rng(2))
    stranger = slide(7)
    assert 0 < np.abs(first.dyes - second.dyes).max() < np.abs(first.dyes - stranger.dyes).max()
