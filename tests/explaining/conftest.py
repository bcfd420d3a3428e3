"""An experiment of two variants and two seeds in miniature: untrained students, invented predictions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.stores import write_store

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import features, patches, predictions
from clipit.artifacts.tables import embedding_column, write_table
from clipit.encoders.backbone import load_backbone
from clipit.models.heads import Vision
from clipit.models.student import Student
from clipit.models.student_file import save_student

CLASSES = ["pale", "rosy", "blue"]
PRIMARY = ("clipit", "lora_only")
N, SIZE, D = 60, 32, 8


@dataclass(frozen=True)
class Explained:
    """What `explain` is handed."""

    folder: Path
    files: dict[str, Path]
    runs: list[dict[str, Any]]
    row: dict[str, str]

    def arguments(self, out: Path, **changes: Any) -> dict[str, Any]:
        """Of `explain`, which is to write into the folder `out`."""
        return {
            "files": self.files,
            "attributions": out / "attributions.parquet",
            "embedding_map": out / "embedding_map.parquet",
            "runs": self.runs,
            "primary": PRIMARY,
            "row": self.row,
            "batch": 16,
            "device": "cpu",
            "threads": 1,
            "precision": "fp32",
            "origin": Origin("explain"),
            **changes,
        }


def write_predictions(path: Path, right: np.ndarray, label: np.ndarray, lineage: dict[str, str]) -> Path:
    """Predictions, of test patches but for every tenth, that are `right` where that is true."""
    prob = np.full((N, len(CLASSES)), 0.1)
    prob[np.arange(N), np.where(right, label, (label + 1) % len(CLASSES))] = 0.5 + 0.3 * np.arange(N) / N
    columns = {
        "patch_id": [f"p{i:02}" for i in range(N)],
        "split": ["val" if i % 10 == 0 else "test" for i in range(N)],
        "label": label,
        "group": [f"g{i // 6}" for i in range(N)],
        "source": [f"g{i // 6}" for i in range(N)],
        "prob": list(prob / prob.sum(axis=1, keepdims=True)),
    }
    write_table(path, columns, predictions.SCHEMA, Origin("train").provenance(lineage=lineage), {"classes": CLASSES})
    return path


@pytest.fixture(scope="session")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Explained:
    folder = tmp_path_factory.mktemp("explained")
    rng = np.random.default_rng(0)
    label = np.arange(N) % len(CLASSES)
    write_store(folder / "patches.zarr", rng.integers(0, 256, (N, SIZE, SIZE, 3), dtype=np.uint8))
    names = [f"p{i:02}" for i in range(N)]
    rows = {"index": np.arange(N), "patch_id": names, "source": names, "group": [None] * N, "x": [0] * N,
            "y": [0] * N, "width": [0] * N, "mpp": [None] * N, "sha256": names}  # fmt: skip
    write_table(folder / "patches.parquet", rows, patches.SCHEMA, Origin("test").provenance(lineage={"patches": "p"}))

    backbone = load_backbone("test_resnet", image_size=SIZE, pretrained=False)
    lineage = {"patches": "p", "backbone": backbone.digest}
    vectors = (rng.normal(size=(N, D)) + 3 * np.eye(D)[label]).astype(np.float32)
    columns = {"patch_id": names, "embedding": embedding_column(vectors)}
    made = Origin("test").provenance(lineage=lineage)
    write_table(folder / "features.parquet", columns, features.schema(D), made)

    runs: list[dict[str, Any]] = []
    for variant in PRIMARY:
        for seed in (3, 4):
            out = folder / variant / f"seed{seed}"
            torch.manual_seed(seed)
            head = Vision(backbone.d, len(CLASSES))
            save_student(
                out, Student(backbone.module, head), classes=CLASSES, transform=backbone.transform,
                backbone_spec=backbone.spec, provenance=Origin("train").provenance(lineage=lineage),
            )  # fmt: skip
            # Of every seven patches the primary variant wins two and loses one.
            right = np.isin(np.arange(N) % 7, (0, 1, 2, 4) if variant == "clipit" else (0, 1, 3))
            runs.append(
                {
                    "row": {"dataset": "mine", "backbone": "resnet"},
                    "variant": variant,
                    "seed": seed,
                    "candidate": {},
                    "predictions": write_predictions(out / "predictions.parquet", right, label, lineage),
                    "student": out / "student.json",
                }
            )
    files = {"store": folder / "patches.zarr"} | {name: folder / f"{name}.parquet" for name in ("patches", "features")}
    return Explained(folder, files, runs, {"dataset": "mine", "corpus": "reports", "retriever": "clip"})
