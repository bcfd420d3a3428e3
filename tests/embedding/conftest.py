"""A tiny patch set, corpus and retriever."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from tests.stores import write_store

from clipit.artifacts import patch_layout
from clipit.artifacts.patch_layout import patch_digest
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.schemas import reports as reports_schema
from clipit.artifacts.tables import write_table
from clipit.encoders.aligned import AlignedClip, save_aligned
from clipit.encoders.backbone import load_backbone
from clipit.encoders.text_tower import words_text_tower

N, SIZE, CONTEXT = 11, 24, 8
REJECTED = 4  # a row of the store that no table lists
TEXTS = ["normal mucosa", "tubular adenoma of the colon with low grade dysplasia", "normal mucosa", "mucin"]


@pytest.fixture(scope="session")
def origin() -> Origin:
    return Origin("test")


@pytest.fixture(scope="session")
def retriever(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("retriever")
    image = load_backbone("resnet10t", pretrained=False, image_size=32, model_args={"channels": [8, 8, 16, 24]})
    text = words_text_tower(TEXTS, layers=1, width=16, heads=2, context_length=CONTEXT, seed=0)
    torch.manual_seed(0)
    save_aligned(folder, AlignedClip(image, text, d=8).eval(), {"stage": "test"})
    return {"kind": "aligned", "name": str(folder)}


@pytest.fixture
def patches(tmp_path: Path, monkeypatch) -> SimpleNamespace:
    """A store of three shards and its table; row `REJECTED` is not listed."""
    monkeypatch.setattr(patch_layout, "SHARD_BYTES", 4 * SIZE * SIZE * 3)
    images = np.random.default_rng(0).integers(0, 256, (N, SIZE, SIZE, 3), dtype=np.uint8)
    write_store(tmp_path / "patches.zarr", images)
    rows = [row for row in range(N) if row != REJECTED]
    columns = {
        "index": rows,
        "patch_id": [f"p{row}" for row in rows],
        "source": ["s"] * len(rows),
        "group": [None] * len(rows),
        **{name: [0] * len(rows) for name in ("x", "y", "width")},
        "mpp": [None] * len(rows),
        "sha256": [patch_digest(images[row]) for row in rows],
    }
    table = tmp_path / "patches.parquet"
    write_table(table, columns, patches_schema.SCHEMA, Origin("test").provenance(lineage={"patches": "abc"}))
    return SimpleNamespace(store=tmp_path / "patches.zarr", table=table, images=images, rows=rows)


@pytest.fixture
def write_reports(tmp_path: Path):
    """Writes a corpus of the given texts."""

    def write(texts: list[str]) -> Path:
        columns = {
            "report_id": [f"r{i}" for i in range(len(texts))],
            "text": texts,
            "organ": [None] * len(texts),
            "patient": [None] * len(texts),
            "n_words": [len(text.split()) for text in texts],
            "source": ["s"] * len(texts),
            "sha256": ["0"] * len(texts),
            "duplicates": pa.array([[] for _ in texts], pa.list_(pa.string())),
        }
        path = tmp_path / "reports.parquet"
        write_table(path, columns, reports_schema.SCHEMA, Origin("test").provenance(lineage={"reports": "def"}))
        return path

    return write
