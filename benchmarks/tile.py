"""Speed and memory of tiling beside plain loops over the same files: `python benchmarks/tile.py`.

A folder of synthetic 224 px images is tiled from end to end (decoded, checked, digested, written to a store) by two
threads on two cores. Beside it Pillow decodes the same files into arrays, by two threads and by two processes,
whichever is faster, and either drops them or does the least that keeping them takes: their SHA-256, and their bytes
appended to a file. All take turns within a round, and the median of the rounds counts. The files lie in the system's
cache; what was written is flushed between the turns, outside the time that is taken.
"""

import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench import Measure, in_fresh_process, peak_megabytes, print_table, write_results
from clipit.artifacts.provenance import Origin
from clipit.runtime.progress import Progress
from clipit.tiling.tile import index_dataset, tile_dataset

SIZE = 224
CORES = 2
# What Pillow is asked to write. The tiles of NCT-CRC are TIFFs packed by PackBits.
KINDS: dict[str, dict[str, Any]] = {
    "jpg": {"quality": 90},
    "tif": {},
    "packbits.tif": {"compression": "packbits"},
}
NAMES = {"jpg": "JPEG", "tif": "TIFF, uncompressed", "packbits.tif": "TIFF, PackBits"}
# Least ratio of our rate to a plain loop's; greatest of the memory for four times the images.
RATE_TARGET = 0.8
MEMORY_TARGET = 1.1


@dataclass(frozen=True)
class Scale:
    """How much is measured: images, different files among them, images of the smaller set for memory, rounds."""

    images: int = 12_000
    different: int = 1000
    few: int = 8000
    rounds: int = 3


def synthetic_image(number: int) -> Image.Image:
    """Blobs and grain in the colours of a stained section: its JPEG is about as large as that of a real tile, 20 kB."""
    rng = np.random.default_rng(number)
    picture = np.full((SIZE, SIZE), 128.0)
    for cells, strength in ((7, 35), (28, 30), (56, 25), (SIZE, 12)):
        field = Image.fromarray(rng.normal(0, strength, (cells, cells)).astype(np.float32))
        picture += np.asarray(field.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    density = np.clip(picture / 255, 0, 1)[..., None]
    return Image.fromarray((245 - density * [90, 170, 100]).astype(np.uint8))


def write_images(folder: Path, kind: str, images: int, different: int) -> None:
    """Fills `folder`/train/x with `images` files, of which `different` are not links to others."""
    parent = folder / "train" / "x"
    parent.mkdir(parents=True)
    for number in range(images):
        path = parent / f"{number:06d}.{kind}"
        if number < different:
            synthetic_image(number).save(path, **KINDS[kind])
        else:
            os.link(parent / f"{number % different:06d}.{kind}", path)


def decoded(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def decode(paths: Sequence[Path], _: Path) -> int:
    """What every reader of images does at the least."""
    for path in paths:
        decoded(path)
    return len(paths)


def keep(paths: Sequence[Path], work: Path) -> int:
    """What everyone does at the least who keeps the pixels and can tell later that they are the same."""
    with open(work / paths[0].with_suffix(".raw").name, "wb") as file:
        for path in paths:
            pixels = decoded(path)
            hashlib.sha256(pixels.data).hexdigest()
            file.write(pixels.data)
    return len(paths)


def plain_rate(pool: Executor, loop: Callable[[Sequence[Path], Path], int], paths: Sequence[Path]) -> float:
    """Images/s of `loop` by the workers of `pool`, which are at work already."""
    shares = [paths[start : start + 50] for start in range(0, len(paths), 50)]
    with tempfile.TemporaryDirectory(prefix="clipit-tile-") as work:
        os.sync()
        begin = time.perf_counter()
        return sum(pool.map(loop, shares, [Path(work)] * len(shares))) / (time.perf_counter() - begin)


def entry(images: Path) -> dict[str, Any]:
    """The data set of `images` as the catalog has it."""
    splits = {"train": "train", "val": "val", "test": "test"}
    return {"source": "folder", "path": str(images), "splits": splits, "size": SIZE, "mpp": None, "grid": None}


def index(images: Path, work: Path) -> int:
    """Lists `images` into `work`; gives their number."""
    index_dataset(entry(images), work / "patches.zarr", work / "items.parquet", origin=Origin("bench"))
    return sum(1 for _ in (images / "train" / "x").iterdir())


def tile(images: Path, work: Path) -> None:
    tile_dataset(
        entry(images),
        work / "items.parquet",
        work / "patches.zarr",
        work / "part.parquet",
        part=0,
        parts=1,
        threads=CORES,
        origin=Origin("bench"),
    )


def tiling_rate(images: Path, work: Path) -> float:
    """Images/s of `tile_dataset` into a new store."""
    n = index(images, work)
    os.sync()
    begin = time.perf_counter()
    tile(images, work)
    return n / (time.perf_counter() - begin)


def rates(images: Path, work: Path, rounds: int) -> dict[str, float]:
    """Images/s, medians of `rounds`: of tiling, and of each plain loop by the faster of threads and processes."""
    paths = sorted((images / "train" / "x").iterdir())
    found: dict[str, list[float]] = {}
    with ThreadPoolExecutor(CORES) as threads, ProcessPoolExecutor(CORES, get_context("spawn")) as processes:
        plain_rate(processes, decode, paths[: 100 * CORES])
        turns: dict[str, Callable[[], float]] = {"tile": lambda: tiling_rate(images, work)}
        for name, loop in (("decode", decode), ("keep", keep)):
            turns[f"{name}, threads"] = partial(plain_rate, threads, loop, paths)
            turns[f"{name}, processes"] = partial(plain_rate, processes, loop, paths)
        with Progress(f"tile {images.name}", rounds * len(turns), "passes") as progress:
            for _ in range(rounds):
                for name, turn in turns.items():
                    found.setdefault(name, []).append(turn())
                    progress.advance()
    median = {name: statistics.median(values) for name, values in found.items()}
    return {
        kind: max(rate for name, rate in median.items() if name.startswith(kind)) for kind in ("tile", "decode", "keep")
    }


def peak_of_tiling(images: Path, work: Path) -> float:
    """MB of memory that this process held at most while it tiled `images`."""
    index(images, work)
    tile(images, work)
    return peak_megabytes()


def memory_measure(folder: Path, scale: Scale) -> Measure:
    """Peak memory of tiling, and of tiling four times as many images."""
    peaks = []
    for name, images in (("few", scale.few), ("many", 4 * scale.few)):
        write_images(folder / name, "jpg", images, scale.different)
        peaks.append(in_fresh_process(peak_of_tiling, folder / name, folder / f"{name}-work"))
    return Measure(
        f"peak memory of a fresh process (VmHWM), {4 * scale.few:,} images beside {scale.few:,}",
        peaks[1],
        "MB",
        baseline=peaks[0],
        target=MEMORY_TARGET,
    )


def measure_all(folder: Path, scale: Scale, kinds: Iterable[str] = KINDS) -> list[Measure]:
    """Everything, in files under `folder`."""
    rows = []
    for kind in kinds:
        write_images(folder / kind, kind, scale.images, scale.different)
        median = rates(folder / kind, folder / f"{kind}-work", scale.rounds)
        for other, what in (("decode", "decoding alone"), ("keep", "decoding, SHA-256 and a plain file")):
            rows.append(
                Measure(
                    f"{NAMES[kind]}: tiling beside {what}",
                    median["tile"],
                    "images/s",
                    baseline=median[other],
                    target=RATE_TARGET,
                    lower_is_better=False,
                )
            )
    return [*rows, memory_measure(folder, scale)]


def main() -> int:
    """Measures in a temporary folder and reports."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with tempfile.TemporaryDirectory(prefix="clipit-tile-") as folder:
        rows = measure_all(Path(folder), Scale())
    print_table(f"Tiling of {SIZE} px images by {CORES} threads", rows)
    print(f"Written: {write_results('tile', rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
