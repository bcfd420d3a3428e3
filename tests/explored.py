"""Invented pairings of synthetic images with synthetic reports, as the stages leave them, for tests of the explorer."""

import base64
import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tests.stores import write_store

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import labels, pairs, patches, report_embeddings, reports, splits
from clipit.artifacts.tables import embedding_column, write_table

SCRIPT, IMAGE = "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'
CLASSES = ("glands", "stroma", "mucin & debris")
RANKS = 10


@dataclass(frozen=True)
class Report:
    """A report's id and text, and its chunks as (start, stop) in characters."""

    id: str
    text: str
    chunks: Sequence[tuple[int, int]]


def plain_reports(n: int) -> list[Report]:
    """Reports in two sections, a chunk each, named TCGA-0000 and so on; the second one is hostile."""
    found = []
    for i in range(n):
        told = f"{SCRIPT} {IMAGE} hostile" if i == 1 else ("tubular glands", "fibrous stroma", "pools of mucin")[i % 3]
        # The 𝒢 takes two units of UTF-16, by which browsers count.
        gross = f"GROSS DESCRIPTION: Specimen 𝒢{i} received in formalin. "
        text = gross + f"FINAL DIAGNOSIS: Colon, biopsy {i}: {told}, margin {i} mm."
        found.append(Report(f"TCGA-{i:04d}", text, [(0, len(gross)), (len(gross), len(text))]))
    return found


@dataclass(frozen=True)
class Explored:
    """What is written under `root`, for one data set and one corpus.

    `pixels` of the images are drawn where none are given; `rank` (images, ranks) says which report each image meets
    first, second, ..., by each method; the chunk met is the report's last.
    """

    root: Path
    n: int = 60
    size: int = 16
    corpus: list[Report] = field(default_factory=lambda: plain_reports(12))
    classes: Sequence[str] = CLASSES
    weak: bool = False
    methods: tuple[str, ...] = ("top1", "csls", "random_seed0")
    name: str = "ward"
    seed: int = 0

    def write(self) -> dict[str, Any]:
        """Writes the files; the keyword arguments of `build_explorer` but for `out`."""
        rng = np.random.default_rng(self.seed)
        folder = self.root / self.name
        names = [f"patch_{i:05d}" for i in range(self.n)]
        split = np.array(["train", "val", "test"])[np.arange(self.n) % 10 // 4]
        label = np.arange(self.n) % len(self.classes)
        known = ["patches", "splits", "labels", "reports", "embedded"]
        files = {name: folder / f"{name}.parquet" for name in known} | {"store": folder / "patches.zarr"}
        by_images, by_reports = {"patches": self.name}, {"reports": "corpus"}
        by_both = by_images | by_reports | {"retriever": "clip"}

        def table(path: Path, columns: dict[str, Any], schema: Any, lineage: dict[str, str], **meta: Any) -> Path:
            write_table(path, columns, schema, Origin("test").provenance(lineage=lineage), meta)
            return path

        tint = rng.integers(90, 220, (self.n, 1, 1, 3))
        pixels = tint + rng.integers(-20, 20, (self.n, self.size, self.size, 3))
        write_store(files["store"], pixels.astype(np.uint8))
        none, zero = [None] * self.n, [0] * self.n
        columns = {"index": range(self.n), "patch_id": names, "source": names, "group": none, "x": zero, "y": zero,
                   "width": zero, "mpp": none, "sha256": names}  # fmt: skip
        table(files["patches"], columns, patches.SCHEMA, by_images)
        table(files["splits"], {"patch_id": names, "split": split.tolist()}, splits.SCHEMA, by_images)
        given = [None if i % 7 == 6 else int(c) for i, c in enumerate(label)]
        meta = {"classes": list(self.classes), "weak": self.weak}
        table(files["labels"], {"patch_id": names, "label": given}, labels.SCHEMA, by_images, **meta)

        ids = [report.id for report in self.corpus]
        m = len(ids)
        columns = {"report_id": ids, "text": [report.text for report in self.corpus], "organ": [None] * m,
                   "patient": [None] * m, "n_words": [9] * m, "source": ids, "sha256": ids,
                   "duplicates": [[]] * m}  # fmt: skip
        table(files["reports"], columns, reports.SCHEMA, by_reports)
        chunks = [(r.id, i, *place) for r in self.corpus for i, place in enumerate(r.chunks)]
        names_of, number, start, stop = map(list, zip(*chunks, strict=True))
        columns = {"report_id": names_of, "chunk": number, "start": start, "stop": stop, "n_tokens": [5] * len(chunks),
                   "embedding": embedding_column(np.ones((len(chunks), 2), np.float32))}  # fmt: skip
        table(
            files["embedded"], columns, report_embeddings.schema(2), by_reports | {"retriever": "clip"}, pooling="late"
        )

        last = {report.id: len(report.chunks) - 1 for report in self.corpus}
        ranks = min(RANKS, m)
        made = []
        for method in self.methods:
            order = np.argsort(rng.random((self.n, m)) * (1 + np.arange(m)), axis=1)[:, :ranks]  # the first are hubs
            found = [ids[j] for j in order.ravel()]
            similarity = np.sort(rng.uniform(0.1, 0.6, (self.n, ranks)), axis=1)[:, ::-1].ravel()
            weight = np.tile([1.0] + [0.0] * (ranks - 1), self.n)
            columns = {"patch_id": np.repeat(names, ranks), "rank": np.tile(np.arange(ranks), self.n),
                       "report_id": found, "chunk": [last[report] for report in found], "similarity": similarity,
                       "score": 2 * similarity - 0.5, "weight": weight}  # fmt: skip
            path = table(folder / f"{method}.parquet", columns, pairs.SCHEMA, by_both)
            made.append({"name": method, "pairs": path})
        return {
            "datasets": {self.name: {name: files[name] for name in ("store", "patches", "splits", "labels")}},
            "corpora": {"archive": files["reports"]},
            "collections": [
                {"dataset": self.name, "corpus": "archive", "retriever": "clip", "report_embeddings": files["embedded"],
                 "methods": made}
            ],
            "show_text": True,
            "synthetic": True,
            "origin": Origin("explorer", code="e" * 64),
        }  # fmt: skip


def joined(*contents: dict[str, Any]) -> dict[str, Any]:
    """Several contents as `Explored` writes them, each of a data set of another name and of the same corpus, as one."""
    return contents[0] | {
        "datasets": {name: files for content in contents for name, files in content["datasets"].items()},
        "collections": [collection for content in contents for collection in content["collections"]],
    }


BLOCK = re.compile(r'<script type="text/plain" id="([a-z0-9-]+)">([A-Za-z0-9+/=]+)</script>')


def unpacked(page: str) -> dict[str, Any]:
    """The blocks of an explorer: JSON values, and sheets of pictures as bytes."""
    blocks = {}
    for name, text in BLOCK.findall(page):
        content = base64.b64decode(text)
        blocks[name] = content if name.startswith("sheet-") else json.loads(gzip.decompress(content))
    return blocks
