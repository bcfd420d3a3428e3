from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, ks_2samp
from torchvision.transforms import ColorJitter
from torchvision.transforms import functional as F

from clipit.training.augmentation import AUGMENTATIONS, Draws, augment, draw, jitter, join, turn

OPERATIONS = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def some_images(n: int, size: int = 12) -> torch.Tensor:
    """Noise, with greys, black and white among it and flat images at the end: what hues and means can trip over."""
    images = torch.from_numpy(rng().integers(0, 256, (n, size, size, 3), dtype=np.uint8))
    images[:, 0] = images[:, 0, :, :1]
    images[:, 1, ::2], images[:, 1, 1::2] = 0, 255
    images[:, 2, :, 1] = images[:, 2, :, 0]
    images[-3:] = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 255]], dtype=torch.uint8)[:, None, None]
    return images


def one_at_a_time(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """`images` float32 (B, 3, H, W) as torchvision jitters them."""
    jittered = []
    for image, factors, order in zip(images, draws.factors.tolist(), draws.order.tolist(), strict=True):
        for place in order:
            image = OPERATIONS[place](image, factors[place])
        jittered.append(image)
    return torch.stack(jittered)


def test_colours_are_torchvisions_image_by_image() -> None:
    every_order = torch.tensor(list(permutations(range(4)))).repeat(3, 1)
    images, draws = some_images(72), draw(rng(), "flips_colour", 72)._replace(order=every_order)
    planes = images.permute(0, 3, 1, 2) / 255
    expected = one_at_a_time(planes, draws)
    assert (expected - planes).abs().mean() > 0.05
    torch.testing.assert_close(jitter(planes.clone(), draws.factors, draws.order), expected, atol=1e-5, rtol=0)


def test_augmented_images_are_the_flipped_and_coloured_ones_to_the_nearest_level() -> None:
    images, draws = some_images(64), draw(rng(), "flips_colour", 64)
    before = images.clone()
    augmented = augment(images, draws)
    assert augmented.dtype == torch.uint8 and augmented.shape == images.shape
    assert torch.equal(images, before)
    expected = one_at_a_time(turn(images, draws.symmetries).permute(0, 3, 1, 2) / 255, draws) * 255
    # Half a level for the rounding, and what float32 loses.
    torch.testing.assert_close(augmented.permute(0, 3, 1, 2).float(), expected, atol=0.505, rtol=0)


def test_what_happens_to_an_image_is_its_own_affair() -> None:
    images, draws = some_images(16), draw(rng(), "dihedral_colour", 16)
    places = torch.tensor([11, 3, 3, 8])
    torch.testing.assert_close(augment(images, draws)[places], augment(images[places], draws.at(places)))


def test_autocast_rounds_no_colour() -> None:
    images, draws = some_images(16), draw(rng(), "flips_colour", 16)
    with torch.autocast("cpu", torch.bfloat16):
        under = augment(images, draws)
    assert torch.equal(under, augment(images, draws))


@pytest.mark.parametrize("place", range(4))
def test_factors_are_distributed_as_torchvisions(place: int) -> None:
    torch.manual_seed(0)
    released = ColorJitter(0.5, 0.5, 0.5, 0.05)
    ranges = released.brightness, released.contrast, released.saturation, released.hue
    theirs = [released.get_params(*ranges)[1 + place] for _ in range(3000)]
    ours = draw(rng(), "dihedral_colour", (30, 100)).factors
    assert ours.shape == (30, 100, 4) and ours.dtype == torch.float32
    assert ks_2samp(ours[..., place].flatten().numpy(), theirs).pvalue > 0.01


def test_factors_are_drawn_apart() -> None:
    correlations = np.corrcoef(draw(rng(), "flips_colour", 5000).factors.numpy().T)
    assert np.abs(correlations - np.eye(4)).max() < 0.05


def test_orders_are_uniform() -> None:
    order = draw(rng(), "flips_colour", (50, 100)).order
    assert torch.equal(order.sort(dim=-1).values, torch.arange(4).expand(50, 100, 4))
    counts = order.reshape(-1, 4).unique(dim=0, return_counts=True)[1]
    assert len(counts) == 24
    assert chisquare(counts.numpy()).pvalue > 0.01


@pytest.mark.parametrize("colour", ["", "_colour"])
@pytest.mark.parametrize(("turns", "n"), [("flips", 4), ("dihedral", 8)])
def test_symmetries_are_uniform(turns: str, n: int, colour: str) -> None:
    counts = torch.bincount(draw(rng(), turns + colour, 4000).symmetries)
    assert len(counts) == n
    assert chisquare(counts.numpy()).pvalue > 0.01


def test_flips_are_those_of_each_image() -> None:
    images, draws = some_images(20, size=5)[:, :, :4], draw(rng(), "flips", 20)  # no square: flips need none
    for image, symmetry, flipped in zip(images, draws.symmetries.tolist(), augment(images, draws), strict=True):
        planes = image.permute(2, 0, 1)
        planes = F.hflip(planes) if symmetry & 1 else planes
        planes = F.vflip(planes) if symmetry & 2 else planes
        assert torch.equal(flipped, planes.permute(1, 2, 0))


def test_turns_are_the_eight_symmetries() -> None:
    image = torch.arange(27, dtype=torch.uint8).reshape(1, 3, 3, 3)
    turned = turn(image.expand(8, -1, -1, -1), torch.arange(8))
    assert torch.equal(turned[0], image[0])
    assert len({tuple(one.flatten().tolist()) for one in turned}) == 8
    assert all(torch.equal(one.flatten().sort().values, image.flatten()) for one in turned)
    assert torch.equal(turned[1], image[0].flip(1))


def test_none_changes_nothing() -> None:
    images, draws = some_images(8), draw(rng(), "none", 8)
    assert draws.symmetries.tolist() == [0] * 8
    assert torch.equal(augment(images, draws), images)


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_same_seed_same_draws(kind: str) -> None:
    one, same, other = (draw(np.random.default_rng(seed), kind, 30) for seed in (0, 0, 1))
    for left, right in zip(one, same, strict=True):
        assert left is right is None or torch.equal(left, right)
    assert torch.equal(one.symmetries, other.symmetries) == (kind == "none")
    assert (one.factors is None) == (one.order is None) == (not kind.endswith("_colour"))
    assert one.factors is None or not torch.equal(one.factors, other.factors)


@pytest.mark.parametrize("kind", ["flips", "flips_colour"])
def test_parts_join_to_the_whole(kind: str) -> None:
    whole = draw(rng(), kind, 10)
    again = join([whole.at(torch.arange(4)), whole.at(torch.arange(4, 10))])
    for left, right in zip(whole, again, strict=True):
        assert left is right is None or torch.equal(left, right)


def test_unknown_augmentation_is_named() -> None:
    with pytest.raises(ValueError, match="no augmentation 'colour': there are none, flips,"):
        draw(rng(), "colour", 1)
