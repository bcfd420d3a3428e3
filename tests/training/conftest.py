"""A tiny data set with a planted signal: three classes of tint, reports that tell the class, a random backbone."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from tests.stores import write_store

from clipit.artifacts.patch_layout import patch_digest
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import image_embeddings, labels, pairs, patches, report_embeddings, splits
from clipit.artifacts.tables import embedding_column, write_table
from clipit.config.training import Head, Training

CLASSES = ["pale", "rosy", "blue"]
SPLITS = {"train": 36, "val": 12, "test": 12}
SIZE, D_TXT = 32, 8


@dataclass(frozen=True)
class World:
    """The files of the data set, and what they were made from."""

    folder: Path
    label: np.ndarray
    split: np.ndarray

    def __getattr__(self, name: str) -> Path:
        return self.folder / {"store": "patches.zarr"}.get(name, f"{name}.parquet")

    @property
    def backbone(self) -> dict[str, Any]:
        return {"name": f"local-dir:{self.folder / 'backbone'}", "image_size": SIZE}

    @property
    def tables(self) -> dict[str, Path]:
        return {"patches": self.patches, "splits": self.splits, "labels": self.labels}

    @property
    def report_targets(self) -> dict[str, Path]:
        return {"pairs": self.pairs, "report_embeddings": self.report_embeddings}

    @property
    def image_targets(self) -> dict[str, list[Path]]:
        return {"image_embeddings": [self.image_embeddings]}


def _write_backbone(folder: Path) -> None:
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", pretrained=False, num_classes=0)
    for name, weight in model.named_parameters():
        if name.endswith(("bn2.weight", "bn3.weight")):
            torch.nn.init.ones_(weight)  # timm starts these at 0, which would cut the blocks' adapters off
    folder.mkdir()
    save_file(model.state_dict(), folder / "model.safetensors")
    cfg = {
        "input_size": [3, SIZE, SIZE],
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "interpolation": "bicubic",
        "num_classes": 0,
    }
    config = {"architecture": "test_resnet", "num_classes": 0, "num_features": 96, "pretrained_cfg": cfg}
    (folder / "config.json").write_text(json.dumps(config))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    split = np.repeat(list(SPLITS), list(SPLITS.values()))
    n = len(split)
    label = np.arange(n) % 3
    tint = np.array([[200, 190, 195], [190, 150, 175], [160, 160, 190]])[label]
    images = np.clip(tint[:, None, None] + rng.normal(0, 25, (n, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)

    write_store(folder / "patches.zarr", images)
    patch_id = [f"p{i:03}" for i in range(n)]
    provenance = Origin("test").provenance(lineage={"patches": "set"})
    zeros = np.zeros(n, dtype=np.int32)
    columns = {
        "index": np.arange(n),
        "patch_id": patch_id,
        "source": patch_id,
        "group": [f"g{i % 6}" for i in range(n)],
        "x": zeros,
        "y": zeros,
        "width": zeros,
        "mpp": [None] * n,
        "sha256": [patch_digest(image) for image in images],
    }
    write_table(folder / "patches.parquet", columns, patches.SCHEMA, provenance)
    write_table(folder / "splits.parquet", {"patch_id": patch_id, "split": split}, splits.SCHEMA, provenance)
    # Every second triple of train patches has no label.
    known = [None if split[i] == "train" and i // 3 % 2 else int(label[i]) for i in range(n)]
    meta = {"classes": CLASSES}
    write_table(folder / "labels.parquet", {"patch_id": patch_id, "label": known}, labels.SCHEMA, provenance, meta)

    # Report 2c and 2c + 1 tell class c; the last one is read in two chunks.
    report = [0, 1, 2, 3, 4, 5, 5]
    centre = rng.normal(size=(3, D_TXT))
    vectors = 2 + centre[np.array(report) // 2] + 0.2 * rng.normal(size=(7, D_TXT))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    text = Origin("test").provenance(lineage={"reports": "corpus", "retriever": "clip"})
    columns = {
        "report_id": [f"r{i}" for i in report],
        "chunk": [0, 0, 0, 0, 0, 0, 1],
        "start": [0] * 7,
        "stop": [50] * 7,
        "n_tokens": [9] * 7,
        "embedding": embedding_column(vectors),
    }
    meta = {"pooling": "mean"}
    write_table(folder / "report_embeddings.parquet", columns, report_embeddings.schema(D_TXT), text, meta)
    chosen = 2 * label + rng.integers(2, size=n)
    columns = {
        "patch_id": np.repeat(patch_id, 2),
        "rank": np.tile([0, 1], n),
        "report_id": [f"r{i}" for pair in zip(chosen, (chosen + 3) % 6, strict=True) for i in pair],
        "chunk": np.zeros(2 * n, np.int16),
        "similarity": np.tile([0.9, 0.5], n),
        "score": np.tile([0.9, 0.5], n),
        "weight": np.tile([1.0, 0.0], n),
    }
    both = Origin("test").provenance(lineage={"patches": "set", "reports": "corpus", "retriever": "clip"})
    write_table(folder / "pairs.parquet", columns, pairs.SCHEMA, both)
    image = Origin("test").provenance(lineage={"patches": "set", "retriever": "clip"})
    columns = {"patch_id": patch_id, "embedding": embedding_column(vectors[2 * label])}
    write_table(folder / "image_embeddings.parquet", columns, image_embeddings.schema(D_TXT), image)
    _write_backbone(folder / "backbone")
    return World(folder, label, split)


HEAD = Head(epochs=60, batch=64, lr=0.02).model_dump()
TEACHER = {"head": HEAD, "hidden": 16, "protocol": "corrected", "kd_target": "plain", "rank": None, "text_lora": None}
STUDENT = {
    **Training(steps=20, batch=12, lr=0.01, clip=1.0, hidden=16).model_dump(
        by_alias=True, exclude={"colour", "probe", "teacher"}
    ),
    "lora": {"r": 2, "alpha": 4, "dropout": 0.0, "modules": None, "split_qkv": False},
    "text_lora": None,
    "form": "late",
    "rank": None,
    "unlabelled": False,
    "pseudo_labels": False,
}


@pytest.fixture(scope="session")
def heads(world: World) -> World:
    """The world with features, a probe, and a teacher for each kind of target."""
    from clipit.training.features import extract_features
    from clipit.training.probe import train_probe
    from clipit.training.teacher import train_teacher

    extract_features(
        world.store,
        world.patches,
        world.features,
        backbone=world.backbone,
        batch=16,
        device="cpu",
        threads=1,
        precision="fp32",
        origin=Origin("features"),
    )
    train_probe(
        [world.features],
        **world.tables,
        probe=world.folder / "probe.safetensors",
        predictions=world.folder / "probe_predictions.parquet",
        settings=HEAD,
        threads=1,
        origin=Origin("probe", seed=0),
    )
    for name, targets in {"teacher": world.report_targets, "image_teacher": world.image_targets}.items():
        train_teacher(
            targets,
            **world.tables,
            teacher=world.folder / f"{name}.safetensors",
            predictions=world.folder / f"{name}.parquet",
            scores=world.folder / f"{name}.json",
            settings=TEACHER,
            threads=1,
            origin=Origin("teacher", seed=0),
        )
    return world


@pytest.fixture(scope="session")
def student(heads: World, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Trains a student on `targets` ("report", "image" or None: no text branch) and returns its folder."""
    from clipit.training.fit import Fit
    from clipit.training.student import train_student

    distilled: dict[str | None, dict[str, Any]] = {
        None: {},
        "report": {"teacher": heads.folder / "teacher.safetensors", **heads.report_targets},
        "image": {"teacher": heads.folder / "image_teacher.safetensors", **heads.image_targets},
    }

    def train(
        target: str | None,
        *,
        seed: int = 0,
        files: dict[str, Any] | None = None,
        out: Path | None = None,
        fit: Any = None,
        backbone: dict[str, Any] | None = None,
        retriever: dict[str, Any] | None = None,
        labels: float = 1.0,
        drop: tuple[str, ...] = (),
        code: str = "unversioned",
        how: Callable[..., None] = train_student,
        **changed: Any,
    ) -> Path:
        out = out or tmp_path_factory.mktemp("student")
        inputs = {**heads.tables, "probe": heads.folder / "probe.safetensors", **distilled[target], **(files or {})}
        without = set() if target else {"lambda", "kd_target", "hidden"}
        settings = {key: value for key, value in STUDENT.items() if key not in without}
        settings |= ({} if target else {"form": "vision"}) | changed
        settings = {key: value for key, value in settings.items() if key not in drop}
        how(
            heads.store,
            {name: path for name, path in inputs.items() if path is not None},
            out=out,
            backbone=backbone or heads.backbone,
            retriever=retriever,
            settings=settings,
            labels=labels,
            fit=fit or Fit(),
            threads=1,
            origin=Origin("student", {"settings": settings}, code, seed),
        )
        return out

    train.world = heads  # type: ignore[attr-defined]
    return train


@pytest.fixture(scope="session")
def clipit_run(student: Callable[..., Path]) -> Path:
    return student("report")


@pytest.fixture(scope="session")
def lora_only_run(student: Callable[..., Path]) -> Path:
    return student(None)


@pytest.fixture(scope="session")
def textual(world: World, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tests.training.textual import write_textual

    return write_textual(tmp_path_factory.mktemp("textual"), world)
