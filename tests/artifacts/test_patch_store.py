import hashlib

import numpy as np
import pytest
import zarr

from clipit.artifacts import patch_store
from clipit.artifacts.patch_store import PatchStore, part_rows, patch_digest, rows_per_shard
from clipit.runtime.errors import UserError

SIZE = 8
PATCHES = np.random.default_rng(0).integers(0, 256, (23, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture
def small_shards(monkeypatch):
    """Five patches a shard."""
    monkeypatch.setattr(patch_store, "SHARD_BYTES", 5 * SIZE * SIZE * 3)


@pytest.fixture
def path(tmp_path, small_shards):
    return tmp_path / "patches.zarr"


def fill(path, parts=3):
    store = PatchStore.create(path, len(PATCHES), SIZE)
    for part in range(parts):
        rows = part_rows(len(PATCHES), SIZE, part, parts)
        if rows:
            store.write(rows.start, PATCHES[rows.start : rows.stop])
    return path


def test_patches_come_back_in_the_order_asked_for(path):
    store = PatchStore.open(fill(path))
    assert (len(store), store.size) == (23, SIZE)
    rows = [22, 0, 7, 7, 4]
    found = store.read(rows)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, PATCHES[rows])
    np.testing.assert_array_equal(store.read(np.arange(23)), PATCHES)


def test_no_rows_are_no_patches(path):
    assert PatchStore.open(fill(path)).read([]).shape == (0, SIZE, SIZE, 3)


def test_zarr_python_reads_it(path):
    group = zarr.open_group(str(fill(path)), mode="r")
    image = group["image"]
    assert image.shards == (5, SIZE, SIZE, 3)
    assert image.chunks == (1, SIZE, SIZE, 3)
    assert image.metadata.dimension_names == ("patch", "y", "x", "channel")
    np.testing.assert_array_equal(image[:], PATCHES)


def test_unwritten_rows_are_zero(path):
    store = PatchStore.create(path, 23, SIZE)
    store.write(5, PATCHES[5:10])
    assert not store.read([0, 22]).any()
    np.testing.assert_array_equal(store.read(range(5, 10)), PATCHES[5:10])


def test_full_shards_hold_pixels_uncompressed_even_black_ones(path):
    store = PatchStore.create(path, 5, SIZE)
    black_inside = PATCHES[:5].copy()
    black_inside[2] = 0
    store.write(0, black_inside)
    content = b"".join(file.read_bytes() for file in (path / "image" / "c").rglob("*") if file.is_file())
    assert black_inside.tobytes() in content


def test_creating_again_starts_empty(path):
    fill(path)
    assert not PatchStore.create(path, 7, SIZE).read(range(7)).any()


@pytest.mark.parametrize("n_rows", [0, 1, 5, 6, 23, 100])
@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_parts_share_out_whole_shards(small_shards, n_rows, parts):
    ranges = [part_rows(n_rows, SIZE, part, parts) for part in range(parts)]
    assert [row for rows in ranges for row in rows] == list(range(n_rows))
    assert all(rows.start % 5 == 0 and (rows.stop % 5 == 0 or rows.stop == n_rows) for rows in ranges if rows)


def test_a_shard_is_about_128_megabytes():
    for size in (64, 96, 224, 512):
        assert 0.9 * 128e6 < rows_per_shard(size) * size * size * 3 <= 128e6
    assert rows_per_shard(10_000) == 1


def test_a_digest_is_of_the_pixels():
    strided = np.repeat(PATCHES[0], 2, axis=1)[:, ::2]
    assert patch_digest(strided) == patch_digest(PATCHES[0]) == hashlib.sha256(PATCHES[0].tobytes()).hexdigest()


@pytest.mark.parametrize("content", [None, "", "not json", '{"zarr_format": 3, "node_type": "group"}'])
def test_what_is_no_store_is_said(tmp_path, content):
    path = tmp_path / "patches.zarr"
    if content is not None:
        (path / "image").mkdir(parents=True)
        (path / "image" / "zarr.json").write_text(content)
    with pytest.raises(UserError, match=r"patches\.zarr is not a patch store"):
        PatchStore.open(path)
