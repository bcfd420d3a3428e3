"""What the benchmarks of networks share: what they read, the clock, the machine's matrix product."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from clipit.artifacts.patch_layout import patch_digest
from clipit.artifacts.patch_writer import PatchWriter
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import patches
from clipit.artifacts.tables import write_json, write_table


def write_patches(folder: Path, n: int, size: int) -> None:
    """A patch store of noise, patches.zarr and _SUCCESS.json, and patches.parquet."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    PatchWriter.create(folder / "patches.zarr", n, size).write(0, pixels)
    provenance = Origin("bench").provenance(lineage={"patches": "bench"})
    write_json(folder / "_SUCCESS.json", {"shape": [n, size, size, 3], "patches": n, "digest": "bench"}, provenance)
    names, zeros = [f"p{i}" for i in range(n)], np.zeros(n, np.int32)
    columns = {"index": np.arange(n), "patch_id": names, "source": names, "group": [None] * n, "x": zeros, "y": zeros,
               "width": zeros, "mpp": [None] * n, "sha256": [patch_digest(patch) for patch in pixels]}  # fmt: skip
    write_table(folder / "patches.parquet", columns, patches.SCHEMA, provenance)


def texts_to_read(n: int) -> tuple[list[str], str]:
    """Reports, and what they are: those that CLIPIT_REAL_DATA names, else synthetic ones of their lengths in words."""
    real = Path(os.environ.get("CLIPIT_REAL_DATA", "")) / "reports" / "tcga_colon.txt"
    if "CLIPIT_REAL_DATA" in os.environ and real.is_file():
        return real.read_text(encoding="utf-8").splitlines()[:n], "real reports"
    rng = np.random.default_rng(0)
    words = ["colon", "adenocarcinoma,", "moderately", "differentiated.", "margins", "negative;", "1.2", "cm", "pT3"]
    length = np.clip(rng.lognormal(np.log(182), 0.9, n), 26, 3422).astype(int)  # the real ones' median and range
    return [" ".join(rng.choice(words, count)) + f" case {i}" for i, count in enumerate(length)], "synthetic reports"


def product_rate(n: int, dtype: torch.dtype = torch.bfloat16, device: str = "cpu") -> float:
    """FLOP/s of a square matrix product."""
    left = torch.randn(n, n, dtype=dtype, device=device)
    return 2 * n**3 / min(seconds(lambda: left @ left, device) for _ in range(3))


def seconds(function: Callable[[], object], device: str = "cpu") -> float:
    """How long `function` takes, on the device too."""
    begin = time.perf_counter()
    function()
    wait(device)
    return time.perf_counter() - begin


def wait(device: str) -> None:
    """Until a GPU has done what it was asked for."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
