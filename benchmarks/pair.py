"""Pairing beside faiss alone: `python benchmarks/pair.py`.

Random unit vectors in two cones, 9,523 reports of 512 dimensions (TCGA-Reports by CONCH in shape), two threads. The
search, and the whole stage from Parquet to Parquet, stand beside a bare `IndexFlatIP.search` of the same ten best, best
of a few rounds that take turns. Also: PCam in full, every method, and what an approximate index would save.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from bench import Measure, in_fresh_process, peak_megabytes, print_table, write_results
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import image_embeddings, report_embeddings, splits
from clipit.artifacts.tables import embedding_column, write_table
from clipit.pairing.pair import pair
from clipit.pairing.problem import bar
from clipit.pairing.search import Vectors, best_reports
from clipit.runtime.progress import Progress

CORES = 2
K = 10
METHODS: dict[str, dict[str, Any]] = {
    "mutual": {"neighbours": 10},
    "csls": {"neighbours": 10},
    "nnn": {"neighbours": 10, "alpha": 0.75},
    "inverted_softmax": {"beta": 20.0},
    "sinkhorn": {"epsilon": 0.02, "iterations": 10},
    "centred": {},
    "random": {"seed": 0},
    "shuffled": {"seed": 0, "of": {"method": "top1", "settings": {}}},
}


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    images: int = 32_768
    many: int = 327_680
    reports: int = 9_523
    d: int = 512
    rounds: int = 5


def unit(rng: np.random.Generator, n: int, d: int, mean: np.ndarray) -> np.ndarray:
    """Vectors around a common direction, as those of CLIP's towers are."""
    rows = rng.normal(size=(n, d)).astype(np.float32)
    rows += 10 * mean
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def write_embeddings(folder: Path, scale: Scale, images: int) -> None:
    """What the embedding stage leaves: images.parquet, reports.parquet, splits.parquet."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, scale.d)).astype(np.float32) / np.sqrt(scale.d)
    origin = Origin("bench")
    names = [f"train_{i:06d}" for i in range(images)]
    columns: dict[str, Any] = {"patch_id": names, "embedding": embedding_column(unit(rng, images, scale.d, one))}
    lineage = {"patches": "bench", "retriever": "bench"}
    schema = image_embeddings.schema(scale.d)
    write_table(folder / "images.parquet", columns, schema, origin.provenance(lineage=lineage))
    columns = {"patch_id": names, "split": ["train" if i % 5 else "test" for i in range(images)]}
    provenance = origin.provenance(lineage={"patches": "bench"})
    write_table(folder / "splits.parquet", columns, splits.SCHEMA, provenance)
    reports = scale.reports
    columns = {
        "report_id": [f"TCGA-{i:05d}" for i in range(reports)],
        "chunk": np.zeros(reports, np.int16),
        "start": np.zeros(reports, np.int32),
        "stop": np.ones(reports, np.int32),
        "n_tokens": np.ones(reports, np.int16),
        "embedding": embedding_column(unit(rng, reports, scale.d, other)),
    }
    lineage = {"reports": "bench", "retriever": "bench"}
    provenance = origin.provenance(lineage=lineage)
    write_table(folder / "reports.parquet", columns, report_embeddings.schema(scale.d), provenance, {"pooling": "mean"})


def run_pair(folder: Path, method: str = "top1", **settings: Any) -> None:
    pair(
        [folder / "images.parquet"],
        folder / "reports.parquet",
        folder / "pairs.parquet",
        method=method,
        settings=settings,
        files={"splits": folder / "splits.parquet"},
        threads=CORES,
        origin=Origin("bench"),
    )


def peak_of_pairing(folder: Path) -> float:
    """MB that this process held at most."""
    run_pair(folder)
    return peak_megabytes()


def seconds(function: Callable[[], object]) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def matrices(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images and reports in memory, as a bare search has them."""
    from clipit.artifacts.report_vectors import read_report_vectors
    from clipit.pairing.problem import read_images

    return read_images([folder / "images.parquet"])[2], read_report_vectors(folder / "reports.parquet").pooled


def search_measures(folder: Path, scale: Scale) -> list[Measure]:
    """The stage, and its memory, beside the bare search."""
    images, reports = matrices(folder)
    index = faiss.IndexFlatIP(scale.d)
    index.add(reports)
    alone = bar([None] * len(images), [[]] * len(reports))  # nobody's report is kept from anybody
    vectors = Vectors(reports, np.arange(len(reports) + 1))
    times: dict[str, list[float]] = {"bare": [], "search": [], "stage": []}
    with Progress("pair", scale.rounds, "rounds") as progress:
        for _ in range(scale.rounds):
            times["bare"].append(seconds(lambda: index.search(images, K)))
            times["search"].append(seconds(lambda: best_reports(images, vectors, K, barred=alone, what="search")))
            times["stage"].append(seconds(lambda: run_pair(folder)))
            progress.advance()
    bare, ours, stage = (scale.images / min(times[name]) for name in ("bare", "search", "stage"))
    name = f"{scale.images:,} x {scale.reports:,} x {scale.d}, ten best"
    peak = in_fresh_process(peak_of_pairing, folder)
    return [
        Measure(f"{name}: search in memory", ours, "images/s", bare, 0.9, lower_is_better=False),
        Measure(f"{name}: Parquet to Parquet", stage, "images/s", bare, lower_is_better=False),
        Measure(f"{name}: rate of the product", 2 * bare * scale.reports * scale.d / 1e9, "GFLOP/s"),
        Measure(f"{name}: peak memory of the process (VmHWM)", peak, "MB", target=1500),
    ]


def approximate_measures(folder: Path, scale: Scale) -> list[Measure]:
    """What an inverted file saves, and what it loses: the images that get another best report."""
    images, reports = matrices(folder)
    images = images[: scale.images // 4]
    exact = faiss.IndexFlatIP(scale.d)
    exact.add(reports)
    base = seconds(lambda: exact.search(images, K))
    best = exact.search(images, 1)[1][:, 0]
    lists = max(1, int(np.sqrt(scale.reports)))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(scale.d), scale.d, lists, faiss.METRIC_INNER_PRODUCT)
    built = seconds(lambda: (index.train(reports), index.add(reports)))
    rows = []
    for probed in (1, max(1, lists // 8)):
        index.nprobe = probed
        taken = built + seconds(lambda: index.search(images, K))
        found = (index.search(images, 1)[1][:, 0] == best).mean()
        what = f"inverted file, {probed} of {lists} lists, building included, {len(images):,} images"
        rows += [Measure(what, taken, "s", base), Measure(f"{what}: best report found", float(found), "share")]
    return rows


def method_measures(folder: Path, scale: Scale) -> list[Measure]:
    """Every method beside top1."""
    plain = statistics.median(seconds(lambda: run_pair(folder)) for _ in range(3))
    rows = []
    with Progress("methods", len(METHODS), "methods") as progress:
        for method, settings in METHODS.items():
            taken = seconds(lambda method=method, settings=settings: run_pair(folder, method, **settings))  # type: ignore[misc]
            what = f"{method}, {settings['iterations']} iterations" if "iterations" in settings else method
            rows.append(Measure(f"{what}: Parquet to Parquet, {scale.images:,} images", taken, "s", plain))
            progress.advance()
    return rows


def measure_all(folder: Path, scale: Scale) -> list[Measure]:
    """Everything, in files under `folder`."""
    write_embeddings(folder / "part", scale, scale.images)
    rows = search_measures(folder / "part", scale)
    write_embeddings(folder / "whole", scale, scale.many)
    taken = seconds(lambda: run_pair(folder / "whole"))
    rows.append(Measure(f"{scale.many:,} images (PCam), Parquet to Parquet", taken, "s", target=60))
    return [*rows, *approximate_measures(folder / "part", scale), *method_measures(folder / "part", scale)]


def main() -> int:
    """Measures in a temporary folder and reports."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    faiss.omp_set_num_threads(CORES)
    with tempfile.TemporaryDirectory(prefix="clipit-pair-") as folder:
        rows = measure_all(Path(folder), Scale())
    print_table(f"Pairing by {CORES} threads", rows)
    print(f"Written: {write_results('pair', rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
