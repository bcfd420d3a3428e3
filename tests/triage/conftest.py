"""A planted retriever: how far its images, its texts and the teachers on its pairs tell the classes is chosen."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.paired import BY_PATCHES, CLASSES, ORIGIN, write_data_set, write_pairs, write_report_embeddings

from clipit.artifacts.schemas import image_embeddings, predictions
from clipit.artifacts.tables import embedding_column, write_table
from clipit.triage.triage import triage

PATIENTS, PATCHES, REPORTS, D = 60, 6, 30, 16
N = PATIENTS * PATCHES
LABEL = np.random.default_rng(7).integers(0, 3, N)
SPLIT = np.repeat(np.array(["train", "val", "test"]), N // 3)
TRUE = np.eye(3, D)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Setting:
    """Files of one data set, corpus and retriever, and `triage` on them."""

    def __init__(
        self,
        folder: Path,
        *,
        sees: float = 1.0,
        texts: bool = True,
        tokens_read: float = 1.0,
        labelled: np.ndarray | None = None,
        grouped: bool = True,
    ) -> None:
        """`sees` is the strength of the class in the image embeddings; `texts`: class names lie with their images."""
        self.folder, rng = folder, np.random.default_rng(0)
        known = np.ones(N, bool) if labelled is None else labelled
        label = [int(code) if keep else None for code, keep in zip(LABEL, known, strict=True)]
        group = [f"patient{i // PATCHES}" for i in range(N)] if grouped else None
        self.data = write_data_set(folder, label=label, split=SPLIT.tolist(), group=group)
        self.images = unit(sees * TRUE[LABEL] + rng.normal(0, 0.3, (N, D)))
        self.embed(self.images)
        vectors = TRUE if texts else TRUE[[1, 2, 0]]
        write_report_embeddings(self.file("prompts"), CLASSES, vectors, lineage="patches")
        names = [f"r{code:03d}" for code in range(REPORTS)]
        write_report_embeddings(
            self.file("reports"), names, unit(rng.normal(size=(REPORTS, D))), tokens_read=tokens_read
        )
        self.context: dict[str, Any] = {
            "row": {"dataset": "phantom", "corpus": "reports", "retriever": "clip"},
            **self.data.tables,
            "image_embeddings": [self.file("part0"), self.file("part1")],
            "class_prompts": self.file("prompts"),
            "report_embeddings": self.file("reports"),
            "floor": self.teacher("floor", 1 / 3, seed=9),
            "pairings": [],
        }

    def file(self, name: str) -> Path:
        return self.data.file(name)

    def embed(self, images: np.ndarray) -> None:
        """Writes image embeddings in two parts."""
        for part, rows in enumerate(np.array_split(np.arange(N), 2)):
            columns = {
                "patch_id": [f"p{i:04d}" for i in rows],
                "embedding": embedding_column(images[rows].astype("f4")),
            }
            provenance = ORIGIN.provenance(lineage={"patches": "p", "retriever": "clip"})
            write_table(self.file(f"part{part}"), columns, image_embeddings.schema(D), provenance)

    def teacher(self, name: str, right: float, seed: int) -> Path:
        """Writes what a teacher that is right with that probability says of the labelled val patches."""
        rng = np.random.default_rng(seed)
        said = np.where(rng.random(N) < right, LABEL, (LABEL + 1 + rng.integers(0, 2, N)) % 3)
        rows = np.flatnonzero(SPLIT == "val")
        columns = {"patch_id": [f"p{i:04d}" for i in rows], "split": ["val"] * len(rows), "label": LABEL[rows],
                   "group": [None] * len(rows), "source": ["s"] * len(rows),
                   "prob": np.eye(3, dtype=np.float32)[said[rows]].tolist()}  # fmt: skip
        write_table(self.file(name), columns, predictions.SCHEMA, BY_PATCHES, {"classes": CLASSES})
        return self.file(name)

    def pair(
        self, pairing: str, right: float, *, chosen: bool = True, hub: float = 0.0, seed: int = 1, method: str = "top1"
    ) -> None:
        """Adds a pairing with its teacher; a share `hub` of the images gets one and the same report."""
        rng = np.random.default_rng(seed)
        best = np.where(rng.random(N) < hub, 0, LABEL + 3 * rng.integers(0, REPORTS // 3, N))
        rest = np.array([rng.permutation(np.setdiff1d(np.arange(REPORTS), [code]))[:9] for code in best])
        pairs = write_pairs(self.file(f"{pairing}_pairs"), np.hstack([best[:, None], rest]), REPORTS)
        self.context["pairings"].append(
            {"pairing": pairing, "method": method, "control": method == "random", "chosen": chosen, "pairs": pairs,
             "teacher": self.teacher(f"{pairing}_teacher", right, seed=seed + 20)}
        )  # fmt: skip

    def triage(self, **options: Any) -> dict[str, Any]:
        out = self.folder / "demo.json"
        triage([self.context], out, origin=ORIGIN, resamples=300, **options)
        return json.loads(out.read_text())


@pytest.fixture
def informative(tmp_path: Path) -> Setting:
    """A pairing as good as the phantom's, and a control."""
    setting = Setting(tmp_path)
    setting.pair("top1", 0.9)
    setting.pair("csls", 0.9, chosen=False, method="csls", seed=2)
    setting.pair("random", 1 / 3, chosen=False, method="random", seed=3)
    return setting
