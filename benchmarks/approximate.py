"""An approximate index beside exact search: `python benchmarks/approximate.py [--images A --reports B]`.

The index is faiss's IVF-PQ: vectors in lists, of which a few are looked through, and kept as codes of a byte for eight
dimensions; the hundred best by their codes are compared again exactly. Beside it `IndexFlatIP`, what clipit pairs by.
Without arguments the vectors are synthetic, in two cones as CLIP's are, of corpora of several sizes. Two tables of
embeddings A and B (any Parquet with a column `embedding`) are searched as they are.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import faiss
import numpy as np
import pyarrow.parquet as pq

from bench import Measure, print_table, write_results
from pair import unit

CORES = 2
K = 10
AGAIN = 100  # candidates that are compared exactly
T = TypeVar("T")
FEWEST = 256  # vectors that codes of a byte can be learned from


@dataclass(frozen=True)
class Scale:
    """How much is measured: synthetic images, corpora, dimensions; shares of the lists that are looked through."""

    images: int = 4_096
    corpora: Sequence[int] = (10_000, 100_000, 1_000_000)
    d: int = 512
    shares: Sequence[float] = (0.01, 0.05, 0.2)


def synthetic(n: int, d: int, seed: int) -> np.ndarray:
    """Unit vectors float32 (n, d) in a cone."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=d).astype(np.float32) / np.sqrt(d)
    return np.concatenate([unit(rng, min(100_000, n - start), d, mean) for start in range(0, n, 100_000)])


def read_vectors(path: Path) -> np.ndarray:
    """The column `embedding` of a table as float32 (rows, d), of length 1."""
    column = pq.read_table(path, columns=["embedding"]).column("embedding").combine_chunks()
    rows = column.flatten().to_numpy().reshape(len(column), -1).astype(np.float32)
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def core_seconds(function: Callable[[], T]) -> tuple[float, T]:
    """Processor time of all threads: what else the machine does counts little in it; and what `function` gives."""
    begin = time.process_time()
    given = function()
    return time.process_time() - begin, given


def lists_of(n: int) -> int:
    """Lists for n vectors: a few square roots of them, each with enough to be learned from."""
    return max(1, min(int(4 * np.sqrt(n)), n // 39, 1024))


def build(reports: np.ndarray) -> tuple[faiss.IndexRefineFlat, faiss.IndexIVFPQ]:
    """The index of `reports` (M, d), and the part of it that has the lists."""
    d = reports.shape[1]
    lists = lists_of(len(reports))
    index = faiss.IndexIVFPQ(faiss.IndexFlatIP(d), d, lists, d // 8, 8, faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = 64
    refined = faiss.IndexRefineFlat(index)
    refined.k_factor = AGAIN / K
    refined.train(reports)
    refined.add(reports)
    return refined, index


def measure(images: np.ndarray, reports: np.ndarray, what: str, shares: Sequence[float]) -> list[Measure]:
    """Both searches of the ten best of `reports` (M, d) for each of `images` (n, d)."""
    exact = faiss.IndexFlatIP(reports.shape[1])
    exact.add(reports)
    taken, (_, best) = core_seconds(lambda: exact.search(images, K))
    taken /= len(images)
    flop = 2 * len(reports) * reports.shape[1]
    name = f"{what}, {len(images):,} images x {len(reports):,} x {reports.shape[1]}"
    rows = [
        Measure(f"{name}: exact, an image", 1e6 * taken, "core-us"),
        Measure(f"{name}: rate of the product on a core", flop / taken / 1e9, "GFLOP/s"),
    ]
    if len(reports) < FEWEST:
        return rows
    built, (index, inner) = core_seconds(lambda: build(reports))
    rows.append(Measure(f"{name}: building IVF-PQ, {inner.nlist} lists", built, "core-s"))
    rows.append(
        Measure(f"{name}: codes and ids beside the vectors", inner.code_size + 8, "bytes", 4 * reports.shape[1])
    )
    for probed in dict.fromkeys(max(1, round(share * inner.nlist)) for share in shares):
        inner.nprobe = probed
        approximate, (_, found) = core_seconds(lambda: index.search(images, K))
        approximate /= len(images)
        how = f"{name}: {probed} of {inner.nlist} lists"
        in_ten = (found[:, :, None] == best[:, None, :]).any(axis=1)
        rows += [
            Measure(f"{how}, an image", 1e6 * approximate, "core-us", 1e6 * taken),
            Measure(f"{how}: best report is the best (recall@1)", float((found[:, 0] == best[:, 0]).mean()), "share"),
            Measure(f"{how}: of the ten best (recall@10)", float(in_ten.mean()), "share"),
        ]
        if approximate < taken:
            pays = built / (taken - approximate)
            rows.append(Measure(f"{how}: building is paid back after", pays, "images"))
    return rows


def measure_all(scale: Scale) -> list[Measure]:
    """Synthetic corpora of all sizes."""
    images = synthetic(scale.images, scale.d, 0)
    return [
        row
        for n in scale.corpora
        for row in measure(images, synthetic(n, scale.d, 1), "synthetic", scale.shares)
    ]  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="Parquet table of embeddings to search with")
    parser.add_argument("--reports", type=Path, help="Parquet table of embeddings to search in")
    asked = parser.parse_args(arguments)
    if (asked.images is None) != (asked.reports is None):
        parser.error("name both tables or none")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    faiss.omp_set_num_threads(CORES)
    if asked.images is None:
        rows = measure_all(Scale())
    else:
        rows = measure(read_vectors(asked.images), read_vectors(asked.reports), "given", Scale().shares)
    print_table(f"Exact and approximate search by {CORES} threads", rows)
    print(f"Written: {write_results('approximate', rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
