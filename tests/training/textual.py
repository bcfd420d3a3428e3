"""A retriever trained here, a corpus and pairs, for what trains a text tower."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import pairs as pairs_schema
from clipit.artifacts.schemas import report_embeddings as report_schema
from clipit.artifacts.schemas import reports as reports_schema
from clipit.artifacts.tables import read_table, write_table
from clipit.embedding.prompts import embed_class_prompts
from clipit.embedding.reports import embed_reports
from clipit.encoders.aligned import AlignedClip, save_aligned
from clipit.encoders.backbone import load_backbone
from clipit.encoders.text_tower import words_text_tower

TEXTS = [
    f"{tint} tissue seen in case {i} . the margin is free of {tint} cells"
    for i in range(2)
    for tint in ("pale", "rosy", "blue")
]


@dataclass(frozen=True)
class Textual:
    """A retriever, its corpus, and pairs of the world's patches with a report of their own class."""

    folder: Path
    retriever: dict[str, Any]

    def class_prompts(self, labels: Path, out: Path) -> Path:
        """Writes the classes to `out`, in words that the tower's few tokens hold."""
        origin = Origin("prompts")
        arithmetic: dict[str, Any] = {"batch": 4, "device": "cpu", "threads": 1, "precision": "fp32"}
        embed_class_prompts(
            labels, out, retriever=self.retriever, template="{class} tissue", **arithmetic, origin=origin
        )
        return out

    def files(self, policy: str = "truncate") -> dict[str, Path]:
        return {
            "pairs": self.folder / "pairs.parquet",
            "reports": self.folder / "reports.parquet",
            "report_embeddings": self.folder / f"{policy}.parquet",
        }


def write_textual(folder: Path, world: Any) -> Textual:
    """Fills `folder`."""
    image = load_backbone("resnet10t", pretrained=False, image_size=32, model_args={"channels": [8, 8, 16, 24]})
    tower = words_text_tower(TEXTS, layers=1, width=16, heads=2, context_length=8, seed=0)
    torch.manual_seed(0)
    save_aligned(folder / "clip", AlignedClip(image, tower, d=8).eval(), {"stage": "test"})
    retriever = {"kind": "aligned", "name": str(folder / "clip")}
    n, ids = len(TEXTS), [f"r{i}" for i in range(len(TEXTS))]
    columns = {
        "report_id": ids,
        "text": TEXTS,
        "organ": [None] * n,
        "patient": [None] * n,
        "n_words": [len(text.split()) for text in TEXTS],
        "source": ["s"] * n,
        "sha256": ["0"] * n,
        "duplicates": pa.array([[] for _ in TEXTS], pa.list_(pa.string())),
    }
    made = Textual(folder, retriever)
    corpus = Origin("test").provenance(lineage={"reports": "texts"})
    write_table(folder / "reports.parquet", columns, reports_schema.SCHEMA, corpus)
    for name, text in {
        "truncate": {"policy": "truncate", "pooling": "mean"},
        "mean": {"policy": "chunks", "pooling": "mean"},
        "late": {"policy": "chunks", "pooling": "late"},
        "max": {"policy": "chunks", "pooling": "max"},
    }.items():
        embed_reports(
            folder / "reports.parquet",
            folder / f"{name}.parquet",
            folder / f"{name}.json",
            retriever=retriever,
            text={"overlap": 0, "sections": [], **text},
            batch=4,
            device="cpu",
            threads=1,
            precision="fp32",
            origin=Origin("embed"),
        )
    patch_id = [f"p{i:03}" for i in range(len(world.label))]
    lineage = read_table(folder / "truncate.parquet", report_schema.schema()).lineage
    columns = {
        "patch_id": np.repeat(patch_id, 2),
        "rank": np.tile([0, 1], len(patch_id)),
        "report_id": [f"r{label + 3 * second}" for label in world.label for second in (0, 1)],
        "chunk": np.zeros(2 * len(patch_id), np.int16),
        "similarity": np.tile([0.9, 0.5], len(patch_id)),
        "score": np.tile([0.9, 0.5], len(patch_id)),
        "weight": np.tile([0.75, 0.25], len(patch_id)),
    }
    both = Origin("test").provenance(lineage={"patches": "set", **lineage})
    write_table(folder / "pairs.parquet", columns, pairs_schema.SCHEMA, both)
    return made
