"""Tiling that is killed in the middle, or finds the disk full: the next run makes what an undisturbed one makes."""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.faults.killed import digest
from tests.faults.small_disk import can_mount, on_small_disk

pytestmark = pytest.mark.faults

SIZE, SHARD_ROWS, IMAGES, PARTS = 16, 8, 60, 2
POINTS = 24


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Synthetic images, some of which cannot be used."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "images" / "train" / "x"
    folder.mkdir(parents=True)
    for i in range(IMAGES):
        path = folder / f"{i:02d}.png"
        Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)).save(path)
        if i % 11 == 0:
            path.write_bytes(path.read_bytes()[:100])
    return tmp_path / "images"


def entry(images: str) -> dict[str, Any]:
    splits = {"train": "train", "val": "val", "test": "test"}
    return {"source": "folder", "path": images, "splits": splits, "size": SIZE, "mpp": None, "grid": None}


def small_shards() -> None:
    from clipit.artifacts import patch_layout

    patch_layout.SHARD_BYTES = SHARD_ROWS * SIZE * SIZE * 3


def index(images: str, work: Path) -> None:
    from clipit.artifacts.provenance import Origin
    from clipit.tiling.tile import index_dataset

    index_dataset(entry(images), work / "patches.zarr", work / "items.parquet", origin=Origin("index"))


def tile(images: str, work: Path, part: int) -> None:
    from clipit.artifacts.provenance import Origin
    from clipit.tiling.tile import tile_dataset

    items, store, out = work / "items.parquet", work / "patches.zarr", work / f"part{part}.parquet"
    tile_dataset(entry(images), items, store, out, part=part, parts=PARTS, threads=2, origin=Origin("tile"))


def seal(work: Path) -> None:
    from clipit.artifacts.provenance import Origin
    from clipit.tiling.tile import seal_dataset

    seal_dataset(
        work / "items.parquet",
        [work / f"part{part}.parquet" for part in range(PARTS)],
        store=work / "patches.zarr",
        size=SIZE,
        max_rejected=0.2,
        out_patches=work / "patches.parquet",
        out_rejected=work / "rejected.parquet",
        out_success=work / "_SUCCESS.json",
        origin=Origin("seal"),
    )


def finish(images: str, work: Path) -> dict[str, str]:
    """Runs the parts that have no outcome yet, as Snakemake does, then seals; gives what is there, but for the hidden
    temporary file that a table which was just being written leaves behind."""
    for part in range(PARTS):
        if not (work / f"part{part}.parquet").exists():
            tile(images, work, part)
    seal(work)
    return {name: sha for name, sha in digest(work).items() if not Path(name).name.startswith(".")}


# ------------------------------------------------------------------------------------------------------ in a process


def steps_counted(die_at: int | None) -> Iterator[int]:
    """Counts what is done to the disk; kills the process at step `die_at`, in the middle of a write if it is one."""
    from clipit.artifacts.patch_writer import _Shard

    steps = itertools.count()

    def step(in_the_middle: Any = None) -> None:
        if next(steps) == die_at:
            if in_the_middle:
                in_the_middle()
            os.kill(os.getpid(), signal.SIGKILL)

    write = _Shard._write

    def half_written(self: _Shard, data: list[memoryview], at: int) -> int:
        step(lambda: write(self, [data[0][: len(data[0]) // 2]], at))
        return write(self, data, at)

    _Shard._write = half_written  # type: ignore[method-assign]
    sys.addaudithook(lambda event, _: step() if event in ("os.rename", "os.remove", "os.mkdir") else None)
    return steps


def main(images: str, folder: str) -> None:
    """Kills the tiling of the second part at seeded steps; prints how many there are, and which were tried."""
    small_shards()
    start, work = Path(folder) / "start", Path(folder) / "work"
    index(images, start)

    def child(die_at: int | None) -> int:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(start, work)
        pid = os.fork()
        if pid == 0:
            tile(images, work, 0)
            steps = steps_counted(die_at)
            tile(images, work, 1)
            (Path(folder) / "steps").write_text(str(next(steps)))
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert child(None) == 0
    expected = finish(images, work)
    steps = int((Path(folder) / "steps").read_text())
    points = sorted(random.Random(0).sample(range(steps), POINTS))
    for point in points:
        assert child(point) == -signal.SIGKILL, point
        assert not (work / "part1.parquet").exists() or point == steps - 1, point
        assert finish(images, work) == expected, point
    print(json.dumps([steps, points]))


# ------------------------------------------------------------------------------------------------------------- tests


def test_a_killed_part_is_made_again_byte_for_byte(images: Path, tmp_path: Path) -> None:
    command = [sys.executable, __file__, str(images), str(tmp_path / "out")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    steps, points = json.loads(done.stdout.splitlines()[-1])
    assert len(points) == POINTS and steps > IMAGES // 2


FULL_DISK = """
import pathlib, sys
from clipit.runtime.errors import UserError
from tests.faults import test_tile_faults as t

work, images = pathlib.Path(sys.argv[1]), sys.argv[2]
t.small_shards()
t.index(images, work)
t.tile(images, work, 0)
filler = work / "filler"
with open(filler, "wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
    file.truncate(file.tell() - int(sys.argv[3]))  # so much room is left
try:
    t.tile(images, work, 1)
except UserError as error:
    print(error)
print(sorted(path.name for path in work.glob("part*")), list(work.rglob("*__lock")))
filler.unlink()
undisturbed = pathlib.Path(sys.argv[4])
t.index(images, undisturbed)
print(t.finish(images, work) == t.finish(images, undisturbed))
"""


@pytest.mark.skipif(not can_mount(), reason="needs unshare and mount")
@pytest.mark.parametrize("room", [0, 10_000, 33_000])  # none, for a shard, for all but the table
def test_a_full_disk_is_told_in_one_line_and_the_next_run_mends_it(images: Path, tmp_path: Path, room: int) -> None:
    work = tmp_path / "small"
    work.mkdir()
    done = on_small_disk(work, "1m", FULL_DISK, str(images), str(room), str(tmp_path / "undisturbed"))
    assert done.returncode == 0, done.stderr
    message, left, same = done.stdout.splitlines()
    refused = work / ("part1.parquet" if room == 33_000 else "patches.zarr")
    assert message == f"no room on the disk of {refused} (No space left on device): make room and run again"
    assert left == "['part0.parquet'] []"
    assert same == "True"


if __name__ == "__main__":
    main(*sys.argv[1:])
