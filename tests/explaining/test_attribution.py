import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clipit.encoders.backbone import load_backbone
from clipit.encoders.image_transform import ImageTransform
from clipit.explaining.attribution import attribute, coarse
from clipit.models.heads import Vision
from clipit.models.student import Student

SIZE = 32
TRANSFORM = ImageTransform(SIZE, (0.6, 0.5, 0.6), (0.2, 0.2, 0.2))


class Quadrant(nn.Module):
    """Looks at the lower left quadrant alone."""

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :, SIZE // 2 :, : SIZE // 2].square().mean(dim=(2, 3))


@pytest.fixture
def patch() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture
def student() -> Student:
    torch.manual_seed(0)
    return Student(Quadrant(), Vision(3, 4))


def test_a_model_that_looks_at_one_quadrant_has_its_map_there(student: Student, patch: np.ndarray) -> None:
    found = attribute(student, TRANSFORM, patch)
    assert found.map.shape == (16, 16)
    assert found.map.dtype == np.float32
    here = np.zeros((16, 16), bool)
    here[8:, :8] = True
    assert (found.map[here] != 0).all()
    assert (found.map[~here] == 0).all()


def test_the_map_adds_up_to_the_change_of_the_class_that_is_said(student: Student, patch: np.ndarray) -> None:
    found = attribute(student, TRANSFORM, patch)
    with torch.no_grad():
        white = torch.full((1, SIZE, SIZE, 3), 255, dtype=torch.uint8)
        both = student(TRANSFORM(torch.cat([white, torch.from_numpy(patch[None])]))).logits.log_softmax(dim=1)
    assert found.said == int(both[1].argmax())
    assert found.probability == pytest.approx(float(both[1, found.said].exp()))
    assert found.change == pytest.approx(float(both[1, found.said] - both[0, found.said]), abs=1e-5)
    assert found.map.sum() == pytest.approx(found.change, abs=1e-3)
    assert found.error == pytest.approx(float(found.map.sum()) - found.change, abs=1e-5)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext"])
def test_every_family_of_backbones_can_be_explained_and_twice_alike(name: str, patch: np.ndarray) -> None:
    backbone = load_backbone(name, image_size=SIZE, pretrained=False)
    student = Student(backbone.module, Vision(backbone.d, 4))
    first, again = (attribute(student, backbone.transform, patch) for _ in range(2))
    assert first.map.tobytes() == again.map.tobytes()
    assert first.map.any()
    assert abs(first.error) < 0.1 * np.abs(first.map).sum()


def test_an_empty_patch_has_nothing_to_explain(student: Student) -> None:
    found = attribute(student, TRANSFORM, np.full((SIZE, SIZE, 3), 255, dtype=np.uint8))
    assert not found.map.any()
    assert found.change == found.error == 0


def test_a_patch_of_another_size_is_explained_in_the_students_own(student: Student, patch: np.ndarray) -> None:
    assert attribute(student, TRANSFORM, np.kron(patch, np.ones((2, 2, 1), np.uint8))).map.shape == (16, 16)


@pytest.mark.parametrize(("size", "cells"), [(32, 16), (33, 16), (224, 16), (16, 16), (7, 7), (1, 1)])
def test_cells_keep_the_sum(size: int, cells: int) -> None:
    pixels = np.random.default_rng(size).normal(size=(size, size))
    found = coarse(pixels)
    assert found.shape == (cells, cells)
    assert found.sum() == pytest.approx(pixels.sum())
