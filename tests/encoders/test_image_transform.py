import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform

from clipit.encoders.image_transform import ImageTransform

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def patches(n: int, size: int) -> torch.Tensor:
    """Smooth colours with an edge, so that resampling has something to do."""
    axis = np.linspace(0, 6, size)
    waves = np.stack([np.sin(axis[:, None] * (1 + i) + axis * c) for i in range(n) for c in range(3)])
    images = (127 + 120 * waves).reshape(n, 3, size, size).transpose(0, 2, 3, 1).astype(np.uint8)
    images[:, : size // 3] = 255
    return torch.from_numpy(images)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(("size", "out"), [(96, 64), (48, 64), (64, 64)])
def test_it_equals_timms_own_transform(interpolation, size, out):
    images = patches(2, size)
    ours = ImageTransform(out, MEAN, STD, interpolation)(images)
    theirs = create_transform((3, out, out), interpolation=interpolation, mean=MEAN, std=STD, crop_pct=1.0)
    expected = torch.stack([theirs(Image.fromarray(image.numpy())) for image in images])
    # timm resizes in eight bits: it may differ by one grey level of 255.
    assert torch.allclose(ours, expected, atol=1.01 / 255 / min(STD))


def test_an_image_does_not_depend_on_its_batch():
    images, transform = patches(3, 48), ImageTransform(32, MEAN, STD)
    assert torch.equal(transform(images)[1:2], transform(images[1:2]))


def test_overshoot_is_clipped_to_what_a_pixel_can_be():
    image = torch.zeros(1, 16, 16, 3, dtype=torch.uint8)
    image[:, :, 8:] = 255
    out = ImageTransform(24, (0, 0, 0), (1, 1, 1))(image)
    assert out.min() == 0
    assert out.max() == 1


def test_it_survives_json():
    transform = ImageTransform(32, MEAN, STD, "bilinear")
    assert ImageTransform.from_dict(transform.to_dict()) == transform


def test_an_interpolation_that_torch_lacks_becomes_bicubic():
    config = {"mean": MEAN, "std": STD, "interpolation": "lanczos", "crop_pct": 0.9}
    assert ImageTransform.from_config(config, 64) == ImageTransform(64, MEAN, STD, "bicubic")
