import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorstore as ts
import zarr
from tests.stores import seal, write_store

from clipit.artifacts import patch_layout
from clipit.artifacts import patch_writer as module
from clipit.artifacts.patch_layout import part_rows, tensorstore_spec
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.patch_writer import PatchWriter
from clipit.runtime.errors import UserError

SIZE = 8
PATCHES = np.random.default_rng(0).integers(0, 256, (23, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    """Five patches a shard."""
    monkeypatch.setattr(patch_layout, "SHARD_BYTES", 5 * SIZE * SIZE * 3)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "patches.zarr"


def files(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def test_parts_written_one_by_one_make_the_store(path):
    PatchWriter.create(path, 23, SIZE)
    for part in range(3):
        rows = part_rows(23, SIZE, part, 3)
        writer = PatchWriter.open(path)
        assert (len(writer), writer.size) == (23, SIZE)
        writer.write(rows.start, PATCHES[rows.start : rows.stop])
    np.testing.assert_array_equal(PatchStore(path, sealed=False).batch(range(23)), PATCHES)


def test_zarr_python_reads_it(path):
    group = zarr.open_group(str(write_store(path, PATCHES)), mode="r")
    image = group["image"]
    assert image.shards == (5, SIZE, SIZE, 3)
    assert image.chunks == (1, SIZE, SIZE, 3)
    assert image.metadata.dimension_names == ("patch", "y", "x", "channel")
    np.testing.assert_array_equal(image[:], PATCHES)


def test_shards_hold_pixels_uncompressed_even_black_ones(path):
    black = PATCHES[:5].copy()
    black[2] = 0
    write_store(path, np.concatenate([black, np.zeros_like(black)]))
    assert (path / "image/c/0/0/0/0").read_bytes().startswith(black.tobytes())
    assert (path / "image/c/1/0/0/0").stat().st_size == (path / "image/c/0/0/0/0").stat().st_size


@pytest.mark.parametrize(("start", "n"), [(1, 5), (0, 4), (5, 6), (20, 2)])
def test_shards_that_are_not_filled_are_refused_and_go(path, start, n):
    with pytest.raises(ValueError, match=r"patches are missing: \d of .*image/c/\d/0/0/0"):
        PatchWriter.create(path, 23, SIZE).write(start, PATCHES[:n])
    assert not list(path.rglob("*.__lock"))


def test_rows_past_the_end_are_refused(path):
    with pytest.raises(ValueError, match="rows 20 to 24 of a store of 23"):
        PatchWriter.create(path, 23, SIZE).write(20, PATCHES[:4])


def test_threads_fill_shards_in_any_order_and_in_blocks_of_any_length(path):
    order = np.random.default_rng(1).permutation(8)
    cuts = [0, 1, 2, 8, 9, 16, 17, 22, 23]
    runs = [range(*pair) for pair in itertools.pairwise(cuts)]
    with PatchWriter.create(path, 23, SIZE) as writer, ThreadPoolExecutor(4) as threads:
        done = [threads.submit(writer.put, runs[i].start, [PATCHES[row] for row in runs[i]]) for i in order]
        assert not any(future.exception() for future in done)
    np.testing.assert_array_equal(PatchStore(path, sealed=False).batch(range(23)), PATCHES)


def test_a_shard_has_its_name_once_it_is_full(path):
    with PatchWriter.create(path, 23, SIZE) as writer:
        writer.put(6, [PATCHES[6:10]])
        assert not (path / "image/c/1/0/0/0").exists()
        writer.put(5, [PATCHES[5]])
        assert (path / "image/c/1/0/0/0").exists()


def test_more_arrays_than_the_system_takes_at_once_and_fewer_bytes_than_asked(path, monkeypatch):
    whole = os.pwritev
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    monkeypatch.setattr(os, "pwritev", lambda file, data, at: whole(file, [b"".join(data)[:100]], at))
    with PatchWriter.create(path, 23, SIZE) as writer:
        writer.put(0, list(PATCHES))
    np.testing.assert_array_equal(PatchStore(path, sealed=False).batch(range(23)), PATCHES)


def test_tensorstore_writes_the_same_bytes(path, tmp_path):
    write_store(path, PATCHES)
    other = tmp_path / "other" / "patches.zarr"
    PatchWriter.create(other, 23, SIZE)
    ts.open(tensorstore_spec(other), open=True).result().write(PATCHES).result()
    assert files(path) == files(other)
    assert all((path / name).read_bytes() == (other / name).read_bytes() for name in files(path))


def test_an_error_while_a_shard_is_filled_leaves_nothing(path):
    with pytest.raises(ZeroDivisionError), PatchWriter.create(path, 23, SIZE) as writer:
        writer.put(5, [PATCHES[:4]])
        raise ZeroDivisionError
    assert files(path) == ["image/zarr.json", "zarr.json"]


def test_floats_are_not_cut_to_bytes(path):
    with pytest.raises(ValueError, match="float64 patches"):
        PatchWriter.create(path, 5, SIZE).write(0, PATCHES[:5] / 255)


def test_a_store_of_another_program_is_not_written(path):
    PatchWriter.create(path, 5, SIZE)
    metadata = path / "image" / "zarr.json"
    document = json.loads(metadata.read_text())
    document["codecs"][0]["configuration"]["index_location"] = "start"
    metadata.write_text(json.dumps(document))
    with pytest.raises(UserError, match="made by another program"):
        PatchWriter.open(path)


def test_patches_of_another_size_are_refused(path):
    with pytest.raises(ValueError, match="of 8 px"):
        PatchWriter.create(path, 5, SIZE).write(0, PATCHES[:5, :4])


def test_creating_again_starts_empty(path):
    write_store(path, PATCHES)
    PatchWriter.create(path, 7, SIZE)
    assert files(path) == ["image/zarr.json", "zarr.json"]
    assert not PatchStore(path, sealed=False).batch(range(7)).any()


def test_a_store_being_written_is_not_sealed(path):
    for begin in (lambda: PatchWriter.open(path), lambda: PatchWriter.create(path, 23, SIZE)):
        write_store(path, PATCHES)
        PatchStore(path)
        begin()
        with pytest.raises(UserError, match="is not finished"):
            PatchStore(path)


def test_what_a_killed_job_left_is_not_read_and_goes(path):
    write_store(path, PATCHES)
    shard = path / "image/c/1/0/0/0"
    left = shard.with_name("0.__lock")
    left.write_bytes(shard.read_bytes()[:100])
    shard.unlink()
    with pytest.raises(UserError, match="is missing"):
        PatchStore(path)
    PatchWriter.open(path).write(5, PATCHES[5:10])
    assert not left.exists()
    seal(path, PATCHES.shape)
    np.testing.assert_array_equal(PatchStore(path).batch(range(23)), PATCHES)


WRITE_FOR_EVER = """
import sys, numpy as np
from clipit.artifacts.patch_writer import PatchWriter
writer = PatchWriter.open(sys.argv[1])
print("writing", flush=True)
while True:
    for value in (1, 2):
        writer.write(0, np.full((len(writer), 256, 256, 3), value, np.uint8))
"""


@pytest.mark.faults
def test_a_job_killed_while_writing_leaves_a_shard_whole_or_absent(path, monkeypatch):
    monkeypatch.setattr(patch_layout, "SHARD_BYTES", 100_000_000)
    PatchWriter.create(path, 400, 256)
    env = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    for delay in np.linspace(0, 0.5, 6):
        command = [sys.executable, "-c", WRITE_FOR_EVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as job:
            assert job.stdout.readline() == b"writing\n"
            with pytest.raises(subprocess.TimeoutExpired):
                job.wait(delay)
            job.kill()
        patches = PatchStore(path, sealed=False).batch(range(400))
        assert (patches == patches[0, 0, 0, 0]).all()
    PatchWriter.open(path).write(0, np.full((400, 256, 256, 3), 3, np.uint8))
    assert files(path) == ["image/c/0/0/0/0", "image/zarr.json", "zarr.json"]
