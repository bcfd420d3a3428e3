"""Time and memory of tiling a whole slide, beside reading the same tiles with tiffslide: `python benchmarks/slides.py`.

A synthetic slide of 20,000 x 20,000 pixels (JPEG tiles of 256 px, pyramid 1, 4, 16), cut into tiles of 224 px at its
own resolution. Tiling is end to end, with two threads: tissue, reading, hashes, the patch store. tiffslide only reads,
a `read_region` a tile, with one thread and with two; the faster counts. Every run is a process of its own, from a warm
page cache; the alternatives take turns and the best of the rounds counts.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import Measure, in_fresh_process, peak_megabytes, print_table, write_results

SIDE, MPP, SIZE = 20_000, 0.5, 224
THREADS, ROUNDS = 2, 2
MEMORY_TARGET, TIME_TARGET = 600, 1.3


def write_slide(path: Path, side: int) -> float:
    """Writes the slide; gives the process's peak memory in MB."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.slides_factory import write_large_slide

    write_large_slide(path, side, mpp=MPP)
    return peak_megabytes()


def entry(slides: Path) -> dict[str, Any]:
    """What the catalog would say of the slides at `slides`."""
    return {
        "source": "slides", "path": str(slides), "splits": {"train": "train"}, "mpp": None, "size": SIZE,
        "grid": {"mpp": MPP, "overlap": 0.0}, "min_tissue": 0.5,
    }  # fmt: skip


def index(slides: Path, out: Path) -> dict[str, float]:
    """Finds the tissue and lists the tiles, as the rule `index_dataset` does."""
    from clipit.artifacts.provenance import Origin
    from clipit.tiling.tile import index_dataset

    begin = time.perf_counter()
    index_dataset(entry(slides), out / "patches.zarr", out / "items.parquet", origin=Origin("bench"))
    return measured(begin)


def tile(slides: Path, out: Path) -> dict[str, float]:
    """Reads and hashes the tiles and writes them into the store, as the rules `tile_dataset` and `seal_dataset` do."""
    from clipit.artifacts.provenance import Origin
    from clipit.tiling.tile import seal_dataset, tile_dataset

    origin, listed, tiled = Origin("bench"), out / "items.parquet", out / "tiled.parquet"
    begin = time.perf_counter()
    tile_dataset(entry(slides), listed, out / "patches.zarr", tiled, part=0, parts=1, threads=THREADS, origin=origin)
    seal_dataset(
        listed,
        [tiled],
        store=out / "patches.zarr",
        size=SIZE,
        max_rejected=0.0,
        out_patches=out / "patches.parquet",
        out_rejected=out / "rejected.parquet",
        out_success=out / "_SUCCESS.json",
        origin=origin,
    )
    return measured(begin)


def read_with_tiffslide(slide: Path, patches: Path, threads: int) -> dict[str, float]:
    """Reads the tiles listed in `patches` from one open slide."""
    import tiffslide

    from clipit.artifacts.schemas.patches import SCHEMA
    from clipit.artifacts.tables import read_table

    table = read_table(patches, SCHEMA)
    corners = list(zip(table.column("x"), table.column("y"), strict=True))
    begin = time.perf_counter()
    with tiffslide.TiffSlide(slide) as opened, ThreadPoolExecutor(threads) as pool:

        def read(corner: tuple[int, int]) -> int:
            return opened.read_region(corner, 0, (SIZE, SIZE), as_array=True).nbytes

        if threads == 1:
            total = sum(map(read, corners))
        else:
            total = sum(pool.map(read, corners))
    assert total == len(corners) * SIZE * SIZE * 3
    return {**measured(begin), "tiles": len(corners)}


def measured(begin: float) -> dict[str, float]:
    """Seconds since `begin`, and this process's peak memory in MB."""
    return {"seconds": time.perf_counter() - begin, "megabytes": peak_megabytes()}


def measure(folder: Path, side: int = SIDE) -> list[Measure]:
    """Everything for a slide of `side` pixels, in files under `folder`."""
    slide = folder / "slides" / "train" / "tissue" / "slide.tif"
    generated = in_fresh_process(write_slide, slide, side)
    ours: list[dict[str, dict[str, float]]] = []
    theirs: dict[int, list[dict[str, float]]] = {1: [], THREADS: []}
    for round_ in range(ROUNDS):
        out = folder / f"out{round_}"
        ours.append({stage.__name__: in_fresh_process(stage, folder / "slides", out) for stage in (index, tile)})
        for threads, runs in theirs.items():
            runs.append(in_fresh_process(read_with_tiffslide, slide, out / "patches.parquet", threads))
    seconds = min(sum(stage["seconds"] for stage in run.values()) for run in ours)
    reading = {threads: min(run["seconds"] for run in runs) for threads, runs in theirs.items()}
    tiles, fastest = theirs[1][0]["tiles"], min(reading, key=reading.__getitem__)
    peak = {name: max(run[name]["megabytes"] for run in ours) for name in ("index", "tile")}
    rows = [
        Measure(
            f"{tiles:,} tiles, beside tiffslide with {threads} thread{'s' * (threads > 1)}",
            seconds,
            "s",
            baseline=other,
            target=TIME_TARGET if threads == fastest else None,
        )
        for threads, other in reading.items()
    ]
    return [
        *rows,
        Measure("rate", tiles / seconds, "tiles/s", baseline=tiles / reading[fastest], lower_is_better=False),
        Measure("peak memory, index_dataset", peak["index"], "MB", target=MEMORY_TARGET),
        Measure("peak memory, tile_dataset", peak["tile"], "MB", target=MEMORY_TARGET),
        Measure("peak memory, tiffslide", max(run["megabytes"] for run in theirs[1]), "MB"),
        Measure("peak memory, generating the slide", generated, "MB"),
    ]


def main() -> int:
    """Measures in a temporary folder and reports."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    with tempfile.TemporaryDirectory(prefix="clipit-slides-") as folder:
        rows = measure(Path(folder))
    print_table(f"A slide of {SIDE:,} x {SIDE:,} pixels", rows)
    print(f"Written: {write_results('slides', rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
