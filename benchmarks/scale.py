"""What a patch costs at every stage, and whether that grows with their number: `python benchmarks/scale.py`.

Every stage runs from file to file on few and on four times as many patches, each time in a process that has done
nothing else. The difference of the two is the cost of a patch, what is left is the start-up (imports and loading the
model). Networks have random weights: speed does not depend on them. They are too slow here for many patches, so what
memory does is seen with a tiny network on small patches as well ("tiny"). docs/scale.md reckons with what comes out.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench import Measure, anonymous_megabytes, in_fresh_process, print_table, write_results
from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import embedding_column, write_table
from clipit.runtime.progress import Progress

CORES = 2
TIMES = 4
CLASSES = ["a", "b", "c", "d", "e"]
# Greatest ratio of the core-seconds a patch among many to those among few: cost grows no faster than the work.
TARGET = 1.1
ORIGIN = Origin("bench", seed=0)
PROVENANCE = ORIGIN.provenance(lineage={"patches": "bench"})


@dataclass(frozen=True)
class Scale:
    """How many patches each stage gets, the fewer of its two numbers, and what networks they meet."""

    images: int = 4_000
    through_a_network: int = 64
    through_a_tiny_one: int = 8_000
    rows: int = 50_000
    paired: int = 32_768
    trained: int = 128
    size: int = 224
    reports: int = 9_523
    d: int = 512
    clip: dict[str, Any] = field(default_factory=dict)
    backbone: str = "vit_small_patch16_224"


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline: `prepare` leaves its inputs for n patches in a folder, `run` writes to `out` in it."""

    few: int
    prepare: Callable[[Path, int, Scale], None]
    run: Callable[[Path, int, Scale], object]


@dataclass(frozen=True)
class Cost:
    """Of one run: seconds of processor time (of all threads together: what else the machine does counts little in it),
    the most memory in MB that no file backs, bytes written."""

    seconds: float
    memory: float
    written: int


def stages(scale: Scale) -> dict[str, Stage]:
    """Every stage by name."""
    return {
        f"tile (JPEG, {scale.size} px)": Stage(scale.images, prepare_tile, run_tile),
        "embed (ViT-B/16, bfloat16)": Stage(scale.through_a_network, prepare_embed, run_embed),
        "embed (tiny)": Stage(scale.through_a_tiny_one, prepare_tiny_embed, run_embed),
        f"pair ({scale.reports:,} reports)": Stage(scale.paired, prepare_pair, run_pair),
        f"features ({scale.backbone})": Stage(scale.through_a_network, prepare_patches, run_features),
        "features (tiny)": Stage(scale.through_a_tiny_one, prepare_tiny_patches, run_tiny_features),
        "train a probe": Stage(scale.rows, prepare_probe, run_probe),
        f"train a student ({scale.backbone}), one pass": Stage(scale.trained, prepare_patches, run_student),
        f"predict ({scale.backbone}, float32)": Stage(scale.through_a_network, prepare_predict, run_predict),
        "predict (tiny)": Stage(scale.through_a_tiny_one, prepare_tiny_predict, run_predict),
        "evaluate": Stage(scale.rows, prepare_evaluate, run_evaluate),
    }


def prepare_tile(folder: Path, n: int, scale: Scale) -> None:
    from tile import write_images

    write_images(folder / "images", "jpg", n, min(n, 1000))


def run_tile(folder: Path, n: int, scale: Scale) -> None:
    from clipit.tiling.tile import index_dataset, seal_dataset, tile_dataset

    out = folder / "out"
    splits = {"train": "train", "val": "val", "test": "test"}
    source = {"source": "folder", "path": str(folder / "images"), "splits": splits}
    entry = {**source, "size": scale.size, "mpp": None, "grid": None}
    items, store, part = out / "items.parquet", out / "patches.zarr", out / "part.parquet"
    index_dataset(entry, store, items, origin=ORIGIN)
    tile_dataset(entry, items, store, part, part=0, parts=1, threads=CORES, origin=ORIGIN)
    tables = {"out_patches": out / "patches.parquet", "out_rejected": out / "rejected.parquet"}
    sealed = {**tables, "out_success": out / "_SUCCESS.json"}
    seal_dataset(items, [part], store=store, size=scale.size, max_rejected=0, **sealed, origin=ORIGIN)


def prepare_patches(folder: Path, n: int, scale: Scale) -> None:
    from networks import write_patches

    write_patches(folder, n, scale.size)


def prepare_tiny_patches(folder: Path, n: int, scale: Scale) -> None:
    from networks import write_patches

    write_patches(folder, n, 32)


def prepare_embed(folder: Path, n: int, scale: Scale) -> None:
    import embed

    prepare_patches(folder, n, scale)
    embed.write_clip(folder / "clip", embed.Scale(**scale.clip))


def prepare_tiny_embed(folder: Path, n: int, scale: Scale) -> None:
    import embed

    prepare_tiny_patches(folder, n, scale)
    vision = {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16}
    text = {"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1}
    embed.write_clip(folder / "clip", embed.Scale(vision=vision, text=text))


def run_embed(folder: Path, n: int, scale: Scale) -> None:
    from clipit.embedding.images import embed_images

    out = folder / "out" / "part.parquet"
    embed_images(
        folder / "patches.zarr",
        folder / "patches.parquet",
        out,
        out.with_suffix(".json"),
        retriever={"kind": "open_clip", "name": f"local-dir:{folder / 'clip'}"},
        part=0,
        parts=1,
        batch=32,
        device="cpu",
        threads=CORES,
        precision="bf16",
        origin=ORIGIN,
    )


def prepare_pair(folder: Path, n: int, scale: Scale) -> None:
    import pair

    pair.write_embeddings(folder / "in", pair.Scale(reports=scale.reports, d=scale.d), n)


def run_pair(folder: Path, n: int, scale: Scale) -> None:
    from clipit.pairing.pair import pair

    pair(
        [folder / "in" / "images.parquet"],
        folder / "in" / "reports.parquet",
        folder / "out" / "pairs.parquet",
        method="top1",
        settings={},
        files={"splits": folder / "in" / "splits.parquet"},
        threads=CORES,
        origin=ORIGIN,
    )


def run_features(folder: Path, n: int, scale: Scale) -> None:
    extract(folder, {"name": scale.backbone, "image_size": scale.size})


def run_tiny_features(folder: Path, n: int, scale: Scale) -> None:
    extract(folder, {"name": "test_vit", "image_size": 32})


def extract(folder: Path, backbone: dict[str, Any]) -> None:
    from clipit.training.features import extract_features

    extract_features(
        folder / "patches.zarr",
        folder / "patches.parquet",
        folder / "out" / "features.parquet",
        backbone={**backbone, "pretrained": False},
        batch=32,
        device="cpu",
        threads=CORES,
        precision="bf16",
        origin=ORIGIN,
    )


def prepare_probe(folder: Path, n: int, scale: Scale) -> None:
    """Tables of a data set of `n` labelled patches, and random features of a ViT-S."""
    from clipit.artifacts.schemas import features, labels, patches, splits

    rng = np.random.default_rng(0)
    names, zeros = [f"p{i}" for i in range(n)], np.zeros(n, np.int32)
    rows: dict[str, Any] = {"index": np.arange(n), "patch_id": names, "source": names, "group": [None] * n}
    rows |= {"x": zeros, "y": zeros, "width": zeros, "mpp": [None] * n, "sha256": names}
    write_table(folder / "patches.parquet", rows, patches.SCHEMA, PROVENANCE)
    columns: dict[str, Any] = {"patch_id": names, "split": [("train", "val", "test")[i % 3] for i in range(n)]}
    write_table(folder / "splits.parquet", columns, splits.SCHEMA, PROVENANCE)
    columns = {"patch_id": names, "label": rng.integers(len(CLASSES), size=n).astype(np.int16)}
    write_table(folder / "labels.parquet", columns, labels.SCHEMA, PROVENANCE, {"classes": CLASSES})
    vectors = rng.normal(size=(n, 384)).astype(np.float32)
    columns = {"patch_id": names, "embedding": embedding_column(vectors)}
    write_table(folder / "features.parquet", columns, features.schema(384), PROVENANCE)


def run_probe(folder: Path, n: int, scale: Scale) -> None:
    from clipit.config.training import Head
    from clipit.training.probe import train_probe

    train_probe(
        [folder / "features.parquet"],
        *(folder / f"{name}.parquet" for name in ("patches", "splits", "labels")),
        probe=folder / "out" / "probe.safetensors",
        predictions=folder / "out" / "predictions.parquet",
        settings=Head(epochs=10).model_dump(),
        threads=CORES,
        origin=ORIGIN,
    )


def run_student(folder: Path, n: int, scale: Scale) -> None:
    """One pass over `n` patches, as `train.py` measures its steps."""
    from contestants import Ours, Task

    batch = min(64, n // 2)
    task = Task(backbone={"name": scale.backbone}, size=scale.size, images=n, batch=batch, steps=n // batch - 1)
    Ours(folder, task, distils=True, protocol="corrected").turn()


def prepare_predict(folder: Path, n: int, scale: Scale) -> None:
    import predict

    prepare_patches(folder, n, scale)
    predict.write_student(folder / "run", predict.Scale(backbone=scale.backbone, size=scale.size))


def prepare_tiny_predict(folder: Path, n: int, scale: Scale) -> None:
    import predict

    prepare_tiny_patches(folder, n, scale)
    predict.write_student(folder / "run", predict.Scale(backbone="test_vit", size=32))


def run_predict(folder: Path, n: int, scale: Scale) -> None:
    from clipit.prediction.model import load_model
    from clipit.prediction.predict import predict

    model = load_model(folder / "run", device="cpu", threads=CORES)
    predict(model, [folder / "patches.zarr"], folder / "out" / "predictions.parquet", threads=CORES)


def prepare_evaluate(folder: Path, n: int, scale: Scale) -> None:
    from clipit.artifacts.schemas import predictions

    rng = np.random.default_rng(0)
    names, rows = [f"p{i}" for i in range(n)], rng.dirichlet(np.ones(len(CLASSES)), n).astype(np.float32)
    columns: dict[str, Any] = {"patch_id": names, "split": ["test"] * n, "prob": list(rows), "source": names}
    columns |= {"label": [i % len(CLASSES) for i in range(n)], "group": [f"g{i // 50}" for i in range(n)]}
    meta = {"classes": CLASSES, "weak_labels": False}
    write_table(folder / "in.parquet", columns, predictions.SCHEMA, PROVENANCE, meta)


def run_evaluate(folder: Path, n: int, scale: Scale) -> None:
    from clipit.evaluation.evaluate import evaluate

    evaluate(folder / "in.parquet", folder / "out" / "metrics.json", variant="clipit", resamples=1000, origin=ORIGIN)


def cost_of(run: Callable[[Path, int, Scale], object], folder: Path, n: int, scale: Scale) -> Cost:
    """What `run` takes of this process, which must have done nothing else."""
    out, done, peak = folder / "out", threading.Event(), 0.0
    out.mkdir()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, anonymous_megabytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin = time.process_time()
    try:
        run(folder, n, scale)
    finally:
        seconds = time.process_time() - begin
        done.set()
        watcher.join()
    return Cost(seconds, peak, sum(file.stat().st_size for file in out.rglob("*") if file.is_file()))


def measured(name: str, stage: Stage, scale: Scale, folder: Path) -> list[Measure]:
    """A stage on few and on many patches."""
    counts, costs = (stage.few, TIMES * stage.few), []
    for n in counts:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            in_fresh_process(stage.prepare, Path(place), n, scale)
            costs.append(in_fresh_process(cost_of, stage.run, Path(place), n, scale))
    (few, many), more = costs, counts[1] - counts[0]
    seconds = (many.seconds - few.seconds) / more
    rows = [
        Measure(
            f"{name}: core-seconds a patch, {counts[1]:,} beside {counts[0]:,}",
            many.seconds / counts[1],
            "s",
            baseline=few.seconds / counts[0],
            target=TARGET,
        ),
        Measure(f"{name}: core-seconds a patch, without the start-up", seconds, "s"),
        Measure(f"{name}: start-up", few.seconds - seconds * counts[0], "s"),
        Measure(f"{name}: memory (RssAnon), {counts[1]:,} beside {counts[0]:,}", many.memory, "MB", few.memory),
        Measure(f"{name}: memory a further patch", (many.memory - few.memory) * 1e6 / more, "bytes"),
    ]
    if many.written:
        rows.append(Measure(f"{name}: written a patch", (many.written - few.written) / more, "bytes"))
    return rows


def measure_all(folder: Path, scale: Scale, names: Sequence[str] = ()) -> list[Measure]:
    """Every stage, or those whose name begins with one of `names`, in files under `folder`."""
    chosen = {
        name: stage for name, stage in stages(scale).items() if not names or name.startswith(tuple(names))
    }  # fmt: skip
    rows = []
    with Progress("scale", len(chosen), "stages") as progress:
        for name, stage in chosen.items():
            rows += measured(name, stage, scale, folder)
            progress.advance()
    return rows


def main(names: Sequence[str]) -> int:
    """Measures in a temporary folder and reports."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with tempfile.TemporaryDirectory(prefix="clipit-scale-") as folder:
        rows = measure_all(Path(folder), Scale(), names)
    print_table(f"A patch at every stage, {CORES} cores", rows)
    print(f"Written: {write_results('scale', rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
