from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.stores import write_store

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import predictions as predictions_schema
from clipit.artifacts.tables import write_table
from clipit.encoders.backbone import load_backbone
from clipit.models.heads import LateFusion
from clipit.models.student import Student
from clipit.models.student_file import save_student

CLASSES = ("gland", "tumour", "stroma")
SIZE = 48
"""Of stored patches; the model resizes them."""


def save_random_student(folder: Path, size: int = 32, patches: dict[str, Any] | None = None) -> Path:
    """A student with random weights, sure enough of itself that its classes differ."""
    backbone = load_backbone("test_resnet", image_size=size, pretrained=False)
    torch.manual_seed(0)
    head = LateFusion(backbone.d, n_classes=3, d_txt=6, hidden=5)
    head.start_at_the_mean()
    with torch.no_grad():  # a random tower's features hardly differ from one image to the next
        features = backbone.module(backbone.transform(torch.from_numpy(_random_images(64))))
        head.h_v.weight.normal_().div_(features.std(dim=0) + 1e-6)
        head.h_v.bias.copy_(-head.h_v.weight @ features.mean(dim=0))
        head.h_v.weight.mul_(0.1)
        head.h_v.bias.mul_(0.1)
    save_student(
        folder,
        Student(backbone.module, head),
        classes=CLASSES,
        transform=backbone.transform,
        backbone_spec=backbone.spec,
        provenance=Origin("student", seed=3).provenance(lineage={"backbone": backbone.digest}),
        facts={"patches": patches or {"size": SIZE, "mpp": 0.5}},
    )
    return folder


def _random_images(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    tint = rng.integers(0, 200, (n, 1, 1, 3))
    return np.clip(tint + rng.integers(0, 60, (n, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_student(tmp_path_factory.mktemp("run") / "seed0")


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """uint8 (9, 48, 48, 3), each of its own colours."""
    return _random_images(9)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, images: np.ndarray) -> Path:
    return write_store(tmp_path_factory.mktemp("store") / "patches.zarr", images)


@pytest.fixture
def folder(tmp_path: Path, images: np.ndarray) -> Path:
    """The same images as files, in two folders."""
    for i, image in enumerate(images):
        file = tmp_path / "images" / f"{i % 2}" / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return tmp_path / "images"


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    """Predictions of a run on 60 test patches, right about two times of three."""
    rng = np.random.default_rng(1)
    label = np.arange(60) % 3
    said = np.where(rng.random(60) < 0.6, label, rng.integers(0, 3, 60))
    columns = {
        "patch_id": [f"p{i}" for i in range(60)],
        "split": ["test"] * 60,
        "label": label,
        "group": [None] * 60,
        "source": [f"p{i}" for i in range(60)],
        "prob": (0.7 * np.eye(3)[said] + 0.1).tolist(),
    }
    path = tmp_path / "predictions.parquet"
    write_table(path, columns, predictions_schema.SCHEMA, Origin("train").provenance(), {"classes": list(CLASSES)})
    return path
