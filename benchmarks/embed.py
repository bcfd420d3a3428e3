"""Embedding beside the machine's matrix product and beside plain loops: `python benchmarks/embed.py`.

A CLIP with a ViT-B/16 and its text tower (open_clip's ViT-B-16, random weights: speed does not depend on them), two
threads. Images go from a patch store of 224 px to Parquet; beside it the bare forward pass, and the loop that the
released code runs: one image at a time, PIL, the model's own transform, float32. The texts are synthetic and as long as
the 376 real colon reports (docs/performance.md), or those reports where CLIPIT_REAL_DATA names them.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file

from bench import Measure, print_table, write_results
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import report_embeddings, reports
from clipit.artifacts.tables import embedding_matrix, read_json, read_table, write_table
from clipit.embedding.images import embed_images
from clipit.embedding.reports import embed_reports
from clipit.encoders.precision import inference
from clipit.encoders.retriever import Retriever, load_retriever, truncate
from clipit.runtime.progress import Progress
from networks import product_rate, seconds, texts_to_read, write_patches

CORES = 2
SIZE = 224
VIT_B_16 = {"image_size": 224, "layers": 12, "width": 768, "patch_size": 16}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}
FLOP_AN_IMAGE = 2 * 17.58e9  # of a ViT-B/16 at 224 px, multiplications and additions
TRUNCATE = {"policy": "truncate", "pooling": "mean", "overlap": 0, "sections": []}


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    images: int = 192
    single: int = 16
    batch: int = 32
    texts: int = 376
    single_texts: int = 60
    rounds: int = 3
    product: int = 4096
    vision: dict[str, int] | None = None
    text: dict[str, int] | None = None


def write_clip(folder: Path, scale: Scale) -> dict[str, str]:
    """A model folder of open_clip with random weights."""
    folder.mkdir()
    model_cfg = {"embed_dim": 512, "vision_cfg": scale.vision or VIT_B_16, "text_cfg": scale.text or TEXT}
    cfg = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg, "preprocess_cfg": cfg}))
    model = open_clip.create_model(f"local-dir:{folder}")
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return {"kind": "open_clip", "name": f"local-dir:{folder}"}


def write_reports(folder: Path, texts: list[str]) -> None:
    n, names = len(texts), [f"r{i:04d}" for i in range(len(texts))]
    columns = {"report_id": names, "text": texts, "organ": [None] * n, "patient": [None] * n, "n_words": [1] * n,
               "source": names, "sha256": names, "duplicates": [[]] * n}  # fmt: skip
    provenance = Origin("bench").provenance(lineage={"reports": "bench"})
    write_table(folder / "reports.parquet", columns, reports.SCHEMA, provenance)


def runner_rate(folder: Path, retriever: dict[str, str], scale: Scale, precision: str) -> float:
    """Images/s of the embedding stage, without the loading of the model."""
    where: dict[str, Any] = {"batch": scale.batch, "device": "cpu", "threads": CORES, "precision": precision}
    files = folder / "patches.zarr", folder / "patches.parquet", folder / "images.parquet", folder / "timing.json"
    embed_images(*files, retriever=retriever, part=0, parts=1, **where, origin=Origin("bench"))
    told = read_json(folder / "timing.json")
    rate: float = told["items"] / (told["seconds"]["total"] - told["seconds"]["load"])
    return rate


def forward_rate(model: Retriever, scale: Scale, batch: int) -> float:
    """Images/s of the image tower alone, on images that are ready."""
    images = torch.randn(batch, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    with inference("cpu", "bf16"):
        times = [seconds(lambda: model.encode_images(images)) for _ in range(max(1, scale.single * 2 // batch) + 1)]
    return batch / min(times)


def plain_rate(folder: Path, model: Retriever, scale: Scale) -> float:
    """Images/s of the plain loop: PIL, the model's own transform, one image at a time, float32."""
    store = PatchStore(folder / "patches.zarr")
    own = open_clip.image_transform(SIZE, is_train=False, mean=model.transform.mean, std=model.transform.std)
    begin = time.perf_counter()
    with torch.inference_mode():
        for row in range(scale.single):
            model.encode_images(own(Image.fromarray(store.batch([row])[0]))[None])
    return scale.single / (time.perf_counter() - begin)


def image_measures(folder: Path, retriever: dict[str, str], scale: Scale) -> list[Measure]:
    model = load_retriever(**retriever)
    rates: dict[str, list[float]] = {}
    turns: dict[str, Callable[[], float]] = {
        "runner": lambda: runner_rate(folder, retriever, scale, "bf16"),
        "plain": lambda: plain_rate(folder, model, scale),
        "product": lambda: product_rate(scale.product),
    }
    for batch in (8, scale.batch):
        turns[f"forward {batch}"] = lambda batch=batch: forward_rate(model, scale, batch)  # type: ignore[misc]
    with Progress("embed images", scale.rounds * len(turns), "passes") as progress:
        for _ in range(scale.rounds):
            for name, turn in turns.items():
                rates.setdefault(name, []).append(turn())
                progress.advance()
    best = {name: max(values) for name, values in rates.items()}
    forward = max(rate for name, rate in best.items() if name.startswith("forward"))
    flop = FLOP_AN_IMAGE / 1e9
    rows = [
        ("the bf16 matrix product", best["runner"] * flop, "GFLOP/s", best["product"] / 1e9, 0.75),
        ("the bare forward pass", best["runner"], "images/s", forward, None),
        ("one at a time, PIL, float32", best["runner"], "images/s", best["plain"], 2),
    ]
    return [Measure(f"images, bf16: beside {what}", *measured, lower_is_better=False) for what, *measured in rows]


def text_measures(folder: Path, retriever: dict[str, str], scale: Scale) -> list[Measure]:
    """The stage beside one text at a time, both float32, and how far the results lie apart."""
    texts, what = texts_to_read(scale.texts)
    write_reports(folder, texts)
    model = load_retriever(**retriever)
    where: dict[str, Any] = {"batch": scale.batch, "device": "cpu", "threads": CORES}
    files = folder / "reports.parquet", folder / "out.parquet", folder / "timing.json"
    rates = {"fp32": 0.0, "bf16": 0.0, "single": 0.0}
    few = texts[:: max(1, len(texts) // scale.single_texts)]
    for _ in range(scale.rounds):
        for precision in ("bf16", "fp32"):
            embed_reports(*files, retriever=retriever, text=TRUNCATE, **where, precision=precision, origin=Origin("b"))
            told = read_json(folder / "timing.json")
            rate = len(texts) / (told["seconds"]["total"] - told["seconds"]["load"])
            rates[precision] = max(rates[precision], rate)
        with torch.inference_mode():
            begin = time.perf_counter()
            alone = [
                model.encode_texts([truncate(ids, model.context_length)])[0].numpy()
                for text in few
                for ids in model.tokenize([text])
            ]
            rates["single"] = max(rates["single"], len(few) / (time.perf_counter() - begin))
    stored = embedding_matrix(read_table(folder / "out.parquet", report_embeddings.schema()))
    apart = np.abs(stored[:: max(1, len(texts) // scale.single_texts)] - np.stack(alone)).max()
    what, single = f"{len(texts)} {what}", rates["single"]
    return [
        Measure(f"{what}, bf16: beside one at a time", rates["bf16"], "texts/s", single, 3, lower_is_better=False),
        Measure(f"{what}, float32: beside one at a time", rates["fp32"], "texts/s", single, lower_is_better=False),
        Measure("float32, in batches and one at a time: greatest difference", float(apart), "", target=1e-5),
    ]


def measure_all(folder: Path, scale: Scale) -> list[Measure]:
    """Everything, in files under `folder`."""
    retriever = write_clip(folder / "clip", scale)
    write_patches(folder, scale.images, SIZE)
    return image_measures(folder, retriever, scale) + text_measures(folder, retriever, scale)


def main() -> int:
    """Measures in a temporary folder and reports."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    torch.set_num_threads(CORES)
    with tempfile.TemporaryDirectory(prefix="clipit-embed-") as folder:
        rows = measure_all(Path(folder), Scale())
    print_table(f"Embedding by {CORES} threads", rows)
    print(f"Written: {write_results('embed', rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
