import torch

from clipit.pretraining.augment import Augmentation


def corner_mark(n: int) -> torch.Tensor:
    """White patches with a dark top-left corner."""
    images = torch.full((n, 16, 16, 3), 240, dtype=torch.uint8)
    images[:, :4, :4] = 40
    return images


def views(augmentation: Augmentation, images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return augmentation(images, torch.Generator().manual_seed(seed))


def test_views_keep_shape_and_range():
    seen = views(Augmentation(min_area=0.3, stain=0.5), corner_mark(8))
    assert seen.shape == (8, 16, 16, 3)
    assert seen.dtype == torch.float32
    assert seen.min() >= 0
    assert seen.max() <= 255


def test_flips_and_turns_reach_all_corners_and_lose_no_pixel():
    seen = views(Augmentation(min_area=1.0, stain=0.0), corner_mark(64))
    corners = seen[:, [1, 1, -2, -2], [1, -2, 1, -2], 0]
    assert torch.allclose(corners.sort(dim=1).values, torch.tensor([40.0, 240, 240, 240]).expand(64, 4), atol=1e-2)
    assert set(corners.argmin(dim=1).tolist()) == {0, 1, 2, 3}


def test_a_crop_enlarges():
    image = torch.full((32, 16, 16, 3), 240, dtype=torch.uint8)
    image[:, 6:10, 6:10] = 40
    dark = (views(Augmentation(min_area=0.25, stain=0.0), image)[..., 0] < 140).float().sum(dim=(1, 2))
    assert dark.max() > 30  # 16 pixels in the patch


def test_stain_changes_the_colour_of_a_patch_as_a_whole():
    images = torch.full((16, 16, 16, 3), 120, dtype=torch.uint8)
    seen = views(Augmentation(min_area=1.0, stain=0.2), images)
    assert seen[:, 0, 0].std(dim=0).min() > 5
    assert torch.equal(seen[:, :1, :1].expand_as(seen), seen)  # the same over a patch


def test_the_generator_decides():
    augmentation, images = Augmentation(min_area=0.5, stain=0.2), corner_mark(8)
    assert torch.equal(views(augmentation, images), views(augmentation, images))
    assert not torch.equal(views(augmentation, images), views(augmentation, images, seed=1))


def test_scale_makes_views_smaller_without_cutting():
    seen = views(Augmentation(min_area=1.0, stain=0.0, scale=0.5), corner_mark(8))
    assert seen.shape == (8, 8, 8, 3)
    assert ((seen[..., 0] < 140).sum(dim=(1, 2)) == 4).all()  # a quarter of the corner's 16 pixels
