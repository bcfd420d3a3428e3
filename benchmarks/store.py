"""Speed and memory of the patch store beside plain alternatives: `python benchmarks/store.py`.

Synthetic patches of PCam's size (96 px) and of the usual encoder's (224 px), on two cores, from a warm page cache.
The alternatives take turns within a round and the best of the rounds counts, so that a neighbour on the machine slows
none of them more than another. The HDF5 file has PCam's shape and gzip chunks as h5py makes them for it.
"""

import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorstore as ts
import zarr

from bench import Measure, anonymous_megabytes, print_table, write_results
from clipit.artifacts.patch_layout import rows_per_shard, sentinel, tensorstore_spec
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.patch_writer import PatchWriter
from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import write_json
from clipit.runtime.progress import Progress

BATCH = 256
PCAM_ROWS = 262_144
# (alternative, workload, size in pixels) -> least ratio of ours to it
TARGETS = {
    ("memmap", "random batches", 96): 0.35,
    ("zarr-python", "random batches", 96): 20,
    ("memmap", "sequential", 96): 0.5,
}
# Memory at a store four times as large, as a ratio.
MEMORY_TARGET = 1.1

Rows = slice | np.ndarray
Reader = Callable[[Rows], np.ndarray]


@dataclass(frozen=True)
class Scale:
    """How much is measured: bytes of a store, patches in HDF5, seconds of each reading, rounds."""

    store_bytes: int = 600_000_000
    h5_rows: int = 8192
    seconds: float = 1.0
    rounds: int = 5


def synthetic_patches(start: int, stop: int, size: int) -> np.ndarray:
    """Patches `start` to `stop`: a tint each, and noise of 6 bits, so that gzip finds about as little as in PCam."""
    rng = np.random.default_rng([start, size])
    patches = rng.integers(0, 64, (stop - start, size, size, 3), dtype=np.uint8)
    patches += rng.integers(60, 190, (stop - start, 1, 1, 3), dtype=np.uint8)
    return patches


def blocks(n: int, size: int) -> Iterator[tuple[int, np.ndarray]]:
    """Shard after shard: (first row, patches)."""
    step = rows_per_shard(size)
    for start in range(0, n, step):
        yield start, synthetic_patches(start, min(start + step, n), size)


def write_patches(folder: Path, n: int, size: int, *, alternatives: bool = True) -> dict[str, float]:
    """Writes `n` patches as a sealed store, and as a memory map and by zarr-python; gives patches/s of each."""
    ours = PatchWriter.create(folder / "patches.zarr", n, size)
    writers: dict[str, Callable[[int, np.ndarray], None]] = {"ours": ours.write}
    if alternatives:
        raw = np.memmap(folder / "patches.raw", np.uint8, "w+", shape=(n, size, size, 3))
        inner, outer = (1, size, size, 3), (rows_per_shard(size), size, size, 3)
        plain = zarr.create_array(
            str(folder / "python.zarr"), shape=raw.shape, dtype="u1", chunks=inner, shards=outer, compressors=None
        )

        def write_raw(start: int, block: np.ndarray) -> None:
            raw[start : start + len(block)] = block
            raw.flush()

        def write_plain(start: int, block: np.ndarray) -> None:
            plain[start : start + len(block)] = block

        writers |= {"memmap": write_raw, "zarr-python": write_plain}
    seconds = dict.fromkeys(writers, 0.0)
    for start, block in blocks(n, size):
        for name, write in writers.items():
            begin = time.perf_counter()
            write(start, block)
            seconds[name] += time.perf_counter() - begin
    facts = {"shape": [n, size, size, 3], "patches": n, "digest": "synthetic"}
    write_json(sentinel(folder / "patches.zarr"), facts, Origin("bench").provenance())
    return {name: n / taken for name, taken in seconds.items()}


def write_h5(path: Path, n: int, size: int) -> float:
    """Writes `n` patches into a gzip data set of PCam's shape; gives patches/s."""
    patches = synthetic_patches(0, n, size)
    with h5py.File(path, "w") as file:
        shape = (max(PCAM_ROWS, n), size, size, 3)
        x = file.create_dataset("x", shape, "u1", chunks=True, compression="gzip")
        begin = time.perf_counter()
        x[:n] = patches
        file.flush()
        return n / (time.perf_counter() - begin)


def readers(folder: Path, n: int, size: int) -> dict[str, Reader]:
    """Functions that read a slice of rows or rows in any order, each in the way its library is fastest at."""
    store = PatchStore(folder / "patches.zarr")
    raw = np.memmap(folder / "patches.raw", np.uint8, "r", shape=(n, size, size, 3))
    plain: Any = zarr.open_array(str(folder / "patches.zarr" / "image"), mode="r")
    tensors = ts.open(tensorstore_spec(folder / "patches.zarr"), open=True, read=True).result()

    def read_ours(rows: Rows) -> np.ndarray:
        return store.batch(np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows)

    def read_raw(rows: Rows) -> np.ndarray:
        return raw[rows].copy() if isinstance(rows, slice) else raw[rows]  # which is a copy already

    def read_plain(rows: Rows) -> np.ndarray:
        return plain[rows] if isinstance(rows, slice) else np.stack([plain[int(row)] for row in rows])

    return {
        "ours": read_ours,
        "memmap": read_raw,
        "zarr-python": read_plain,
        "TensorStore": lambda rows: np.asarray(tensors[rows].read().result()),
    }


def h5_reader(path: Path) -> Reader:
    """Like those of `readers`: h5py takes rows that ascend, each once."""
    x = h5py.File(path, "r")["x"]

    def read(rows: Rows) -> np.ndarray:
        if isinstance(rows, slice):
            return x[rows]
        ascending, place = np.unique(rows, return_inverse=True)
        return x[ascending][place]

    return read


def sequential(n: int) -> list[Rows]:
    return [slice(start, min(start + BATCH, n)) for start in range(0, n, BATCH)]


def random_batches(n: int, seed: int) -> list[Rows]:
    return list(np.random.default_rng(seed).integers(0, n, (1000, BATCH)))


def rate(read: Callable[[Any], np.ndarray], batches: Iterable[Any], seconds: float) -> float:
    """Patches/s of `read` over as many `batches` as fit into `seconds`, at least one."""
    patches, begin = 0, time.perf_counter()
    for batch in batches:
        patches += len(read(batch))
        if time.perf_counter() - begin > seconds:
            break
    return patches / (time.perf_counter() - begin)


def read_rates(
    read: Mapping[str, Reader], rows: Mapping[str, int], scale: Scale, progress: Progress
) -> dict[str, dict[str, float]]:
    """{workload: {alternative: patches/s}}; `rows` are how many patches each alternative holds."""
    best: dict[str, dict[str, float]] = {"sequential": {}, "random batches": {}}
    for round_ in range(scale.rounds):
        for name, reader in read.items():
            for workload, batches in (
                ("sequential", sequential(rows[name])),
                ("random batches", random_batches(rows[name], round_)),
            ):
                found = rate(reader, batches, scale.seconds)
                best[workload][name] = max(found, best[workload].get(name, 0))
                progress.advance()
    return best


def stream_rate(store: Path, *, shuffle: bool, rounds: int) -> float:
    """Patches/s of `PatchStore.stream`, its reading thread included, when the caller does nothing."""
    opened = PatchStore(store)
    streams = (opened.stream(BATCH, shuffle=shuffle, seed=seed) for seed in range(rounds))
    return max(rate(lambda read: read[1], stream, math.inf) for stream in streams)


def peak_of_stream(store: Path, shuffle: bool) -> float:
    """MB of anonymous memory that a pass over a store adds at its peak, seen when the next batch has been read too."""
    opened, peak = PatchStore(store), 0.0
    before = anonymous_megabytes()
    for _ in opened.stream(BATCH, shuffle=shuffle):
        time.sleep(0.03)
        peak = max(peak, anonymous_megabytes())
    return peak - before


def in_fresh_process(function: Callable[..., float], *arguments: Any) -> float:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def compared(what: str, size: int, rates: Mapping[str, float]) -> list[Measure]:
    """A row an alternative: our rate with that alternative's as the baseline."""
    return [
        Measure(
            f"{what}, {size} px, beside {name}",
            rates["ours"],
            "patches/s",
            baseline=other,
            target=TARGETS.get((name, what, size)),
            lower_is_better=False,
        )
        for name, other in rates.items()
        if name != "ours"
    ]


def memory_measures(large: Path, small: Path, size: int) -> list[Measure]:
    """Memory of a pass over `large` beside that over `small`."""
    return [
        Measure(
            f"memory of a {name} stream (peak RssAnon, no mapped pages), {size} px, {len(PatchStore(large)):,} patches "
            f"beside {len(PatchStore(small)):,}",
            in_fresh_process(peak_of_stream, large, shuffle),
            "MB",
            baseline=in_fresh_process(peak_of_stream, small, shuffle),
            target=MEMORY_TARGET,
        )
        for name, shuffle in (("sequential", False), ("shuffled", True))
    ]


def measure_size(folder: Path, size: int, scale: Scale) -> list[Measure]:
    """Everything for patches of `size` pixels, in files under `folder`."""
    n = scale.store_bytes // (size * size * 3)
    written = write_patches(folder / "large", n, size)
    write_patches(folder / "small", n // 4, size, alternatives=False)
    read = readers(folder / "large", n, size)
    rows = dict.fromkeys(read, n)
    if size == 96:
        written["h5py gzip"] = write_h5(folder / "patches.h5", scale.h5_rows, size)
        read["h5py gzip"] = h5_reader(folder / "patches.h5")
        rows["h5py gzip"] = scale.h5_rows
    large, small = folder / "large" / "patches.zarr", folder / "small" / "patches.zarr"
    with Progress(f"read {size} px", 2 * scale.rounds * len(read), "readings") as progress:
        rates = read_rates(read, rows, scale, progress)
    found = compared("writing", size, written)
    for workload, by_name in rates.items():
        found += compared(workload, size, by_name)
    for name, shuffle, workload in (("in order", False, "sequential"), ("shuffled", True, "random batches")):
        streamed = stream_rate(large, shuffle=shuffle, rounds=scale.rounds)
        found += compared(f"stream {name}", size, {"ours": streamed, "memmap": rates[workload]["memmap"]})
    return found + memory_measures(large, small, size)


def main() -> int:
    """Measures both sizes in a temporary folder and reports."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    rows: list[Measure] = []
    for size in (96, 224):
        with tempfile.TemporaryDirectory(prefix="clipit-store-") as folder:
            rows += measure_size(Path(folder), size, Scale())
    print_table(f"The patch store (batches of {BATCH})", rows)
    print(f"Written: {write_results('store', rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
