import mmap

import numpy as np
import pytest

import store
from clipit.artifacts import patch_layout

TINY = store.Scale(store_bytes=40 * 96 * 96 * 3, h5_rows=40, seconds=0, rounds=1)


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    """Fifteen patches a shard, an HDF5 data set with room for fifty."""
    monkeypatch.setattr(patch_layout, "SHARD_BYTES", 15 * 96 * 96 * 3)
    monkeypatch.setattr(store, "PCAM_ROWS", 50)


def test_every_alternative_reads_the_same_patches(tmp_path):
    store.write_patches(tmp_path, 40, 96)
    store.write_h5(tmp_path / "patches.h5", 15, 96)
    patches = np.concatenate([block for _, block in store.blocks(40, 96)])
    for name, read in store.readers(tmp_path, 40, 96).items():
        for rows in (slice(10, 35), np.array([39, 0, 16, 16, 3])):
            np.testing.assert_array_equal(read(rows), patches[rows], err_msg=name)
    read = store.h5_reader(tmp_path / "patches.h5")
    for rows in (slice(3, 7), np.array([14, 0, 6, 6, 3])):
        np.testing.assert_array_equal(read(rows), patches[rows])


def test_all_is_measured_and_judged(tmp_path):
    rows = {row.metric: row for row in store.measure_size(tmp_path, 96, TINY)}
    judged = {name for name, row in rows.items() if row.met is not None}
    assert {"random batches, 96 px, beside memmap", "random batches, 96 px, beside zarr-python"} <= judged
    assert {"sequential, 96 px, beside memmap", "sequential, 96 px, beside h5py gzip"} <= set(rows)
    assert len([name for name in judged if "40 patches beside 10" in name]) == 2
    assert all(row.value > 0 for row in rows.values() if row.unit == "patches/s")


def test_memory_that_files_do_not_back_is_seen():
    before = store.anonymous_megabytes()
    held = mmap.mmap(-1, 30_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # new pages, not freed ones
    held.write(bytes(30_000_000))
    assert 25 < store.anonymous_megabytes() - before < 40
    del held
