import json
import multiprocessing
import pickle
import shutil
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zarr
from tests.stores import seal, write_store

from clipit.artifacts import patch_layout, patch_store
from clipit.artifacts.patch_shard import map_shard
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.patch_writer import PatchWriter
from clipit.runtime.errors import UserError

SIZE = 8
PATCHES = np.random.default_rng(0).integers(0, 256, (23, SIZE, SIZE, 3), dtype=np.uint8)
SHARD = 5
INDEX_BYTES = 16 * SHARD + 4
PATCH_BYTES = SIZE * SIZE * 3
ORDERS = {
    "all": np.arange(23),
    "within a shard": np.arange(6, 9),
    "across shards": np.arange(3, 17),
    "with gaps": np.array([0, 2, 4, 5, 11, 12, 22]),
    "shuffled": np.random.default_rng(1).permutation(23),
    "duplicates": np.array([22, 0, 7, 7, 4, 0, 22]),
    "backwards": np.arange(23)[::-1],
    "one": np.array([22]),
    "none": np.array([], dtype=np.int64),
}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    """Five patches a shard."""
    monkeypatch.setattr(patch_layout, "SHARD_BYTES", SHARD * PATCH_BYTES)


@pytest.fixture
def path(tmp_path) -> Path:
    return write_store(tmp_path / "patches.zarr", PATCHES)


def shard_file(path: Path, shard: int) -> Path:
    return path / "image" / "c" / str(shard) / "0" / "0" / "0"


def mapped(path: Path) -> list[bool]:
    """Whether each shard is read as it lies in its file."""
    layout = patch_layout.read_layout(path)
    return [map_shard(layout, shard) is not None for shard in range(layout.n_shards)]


def zarr_store(path: Path, **how) -> Path:
    """The patches as zarr-python stores them."""
    group = zarr.open_group(str(path), mode="w")
    array = group.create_array("image", shape=PATCHES.shape, dtype="uint8", **how)
    array[:] = PATCHES
    seal(path, PATCHES.shape)
    return path


INNER, OUTER = (1, SIZE, SIZE, 3), (SHARD, SIZE, SIZE, 3)
OTHER_STORES = {
    "sharded and compressed": {"chunks": INNER, "shards": OUTER, "compressors": zarr.codecs.ZstdCodec()},
    "inner chunks with a checksum": {"chunks": INNER, "shards": OUTER, "compressors": zarr.codecs.Crc32cCodec()},
    "two patches an inner chunk": {"chunks": (2, SIZE, SIZE, 3), "shards": (6, SIZE, SIZE, 3), "compressors": None},
    "chunks of half a patch": {"chunks": (1, 4, SIZE, 3), "shards": OUTER, "compressors": None},
    "not sharded": {"chunks": INNER, "compressors": None},
    "other names of files": {
        "chunks": INNER, "shards": OUTER, "compressors": None,
        "chunk_key_encoding": {"name": "default", "separator": "."},
    },
}  # fmt: skip


@pytest.mark.parametrize("order", ORDERS)
def test_patches_come_back_in_the_order_asked_for(path, order, monkeypatch):
    monkeypatch.setattr(patch_store, "_SCRATCH_BYTES", 2 * PATCH_BYTES)
    store, rows = PatchStore(path), ORDERS[order]
    assert (len(store), store.size) == (23, SIZE)
    for indices in (rows, rows.tolist()):
        found = store.batch(indices)
        assert found.dtype == np.uint8
        assert found.flags.writeable
        np.testing.assert_array_equal(found, PATCHES[rows])
    assert store.batch([]).shape == (0, SIZE, SIZE, 3)


@pytest.mark.parametrize("kind", OTHER_STORES)
def test_any_other_zarr_store_reads_the_same(tmp_path, kind):
    path = zarr_store(tmp_path / "patches.zarr", **OTHER_STORES[kind])
    assert not any(mapped(path))
    store = PatchStore(path)
    for rows in ORDERS.values():
        np.testing.assert_array_equal(store.batch(rows), PATCHES[rows])
    assert [len(images) for _, images in store.stream(10)] == [10, 10, 3]


def test_shards_are_read_as_they_lie_whoever_wrote_them(path, tmp_path):
    plain = {"chunks": INNER, "shards": OUTER, "compressors": None}
    other = zarr_store(tmp_path / "other" / "patches.zarr", **plain, config={"write_empty_chunks": True})
    assert all(mapped(path)) and all(mapped(other))
    np.testing.assert_array_equal(PatchStore(other).batch(range(23)), PATCHES)


@pytest.mark.parametrize("row", [-1, 23])
def test_a_row_that_is_not_there_is_an_error(path, row):
    with pytest.raises(IndexError, match="which has 23"):
        PatchStore(path).batch([0, row])


def test_missing_shards_of_an_unfinished_store_are_zero(tmp_path):
    path = tmp_path / "patches.zarr"
    PatchWriter.create(path, 23, SIZE).write(SHARD, PATCHES[SHARD : 2 * SHARD])
    assert mapped(path) == [False, True, False, False, False]
    rows = [22, 6, 0, 9]
    expected = PATCHES[rows] * np.array([0, 1, 0, 1], dtype=np.uint8)[:, None, None, None]
    np.testing.assert_array_equal(PatchStore(path, sealed=False).batch(rows), expected)


def test_an_empty_store_reads(tmp_path):
    store = PatchStore(write_store(tmp_path / "patches.zarr", PATCHES[:0]))
    assert len(store) == 0
    assert [images.shape for _, images in store.stream(4)] == []


def test_patches_that_the_index_finds_elsewhere_are_found(path):
    """A shard whose patches lie in another order, or with a gap, is read by its index."""
    import google_crc32c

    file = shard_file(path, 1)
    content = file.read_bytes()
    pixels, index = content[:-INDEX_BYTES], np.frombuffer(content[-INDEX_BYTES:-4], "<u8").reshape(-1, 2).copy()
    chunks = [pixels[i * PATCH_BYTES : (i + 1) * PATCH_BYTES] for i in range(SHARD)]
    index[:, 0] = index[::-1, 0]
    new = index.tobytes()
    file.write_bytes(b"".join(chunks[::-1]) + new + google_crc32c.value(new).to_bytes(4, "little"))
    assert mapped(path) == [True, False, True, True, True]
    np.testing.assert_array_equal(PatchStore(path).batch(range(23)), PATCHES)


def test_a_damaged_index_is_said_in_one_line(path):
    content = bytearray(shard_file(path, 1).read_bytes())
    content[-INDEX_BYTES] ^= 1
    shard_file(path, 1).write_bytes(content)
    store = PatchStore(path)
    np.testing.assert_array_equal(store.batch([0, 10]), PATCHES[[0, 10]])
    with pytest.raises(UserError, match=r"patches\.zarr is damaged") as error:
        store.batch([0, 5])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [None, "", "not json", "[]", '{"zarr_format": 3, "node_type": "group"}'])
def test_what_is_no_store_is_said(tmp_path, content):
    path = tmp_path / "patches.zarr"
    if content is not None:
        (path / "image").mkdir(parents=True)
        (path / "image" / "zarr.json").write_text(content)
    for opens in (PatchStore, PatchWriter.open):
        with pytest.raises(UserError, match=r"patches\.zarr is not a patch store"):
            opens(path)


@pytest.mark.parametrize(("name", "value"), [("shape", [23, 8, 8, 4]), ("shape", [23, 8, 9, 3]), ("data_type", "int8")])
def test_an_array_of_something_else_is_said(path, name, value):
    file = path / "image" / "zarr.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    with pytest.raises(UserError, match=r"patches\.zarr is not a patch store \(no uint8"):
        PatchStore(path)


def test_an_unfinished_store_is_refused_unless_asked_for(path):
    (path.parent / "_SUCCESS.json").unlink()
    with pytest.raises(UserError, match=r"patches\.zarr is not finished .*_SUCCESS\.json is missing"):
        PatchStore(path)
    assert PatchStore(path, sealed=False).batch([3]).any()


def test_a_sentinel_of_another_store_is_refused(path):
    seal(path, (24, SIZE, SIZE, 3))
    with pytest.raises(UserError, match=r"tells of a store of shape \[24, 8, 8, 3\]"):
        PatchStore(path)


@pytest.mark.parametrize("shard", [0, 4])
def test_a_missing_shard_is_refused(path, shard):
    shard_file(path, shard).unlink()
    with pytest.raises(UserError, match=rf"incomplete \(.*/{shard}/0/0/0 is missing\)"):
        PatchStore(path)


@pytest.mark.parametrize(("shard", "kept"), [(0, 0), (0, SHARD * PATCH_BYTES), (4, 3 * PATCH_BYTES)])
def test_a_cut_shard_is_refused(path, shard, kept):
    with open(shard_file(path, shard), "r+b") as file:
        file.truncate(kept)
    with pytest.raises(UserError, match=rf"incomplete \(.*/{shard}/0/0/0 has .* too few"):
        PatchStore(path)


def test_a_stream_reads_every_row_once_in_order(path):
    batches = list(PatchStore(path).stream(7))
    assert [len(indices) for indices, _ in batches] == [7, 7, 7, 2]
    np.testing.assert_array_equal(np.concatenate([indices for indices, _ in batches]), np.arange(23))
    np.testing.assert_array_equal(np.concatenate([images for _, images in batches]), PATCHES)


@pytest.mark.parametrize("rows", [None, [3, 1, 4, 15, 9, 2, 6]])
def test_a_shuffled_stream_depends_on_its_seed_alone(path, rows):
    def drawn(seed: int) -> list[int]:
        batches = list(PatchStore(path).stream(4, shuffle=True, seed=seed, rows=rows))
        for indices, images in batches:
            np.testing.assert_array_equal(images, PATCHES[indices])
        return np.concatenate([indices for indices, _ in batches]).tolist()

    assert drawn(0) == drawn(0) != drawn(1)
    assert sorted(drawn(0)) == sorted(range(23) if rows is None else rows)


def test_a_stream_can_be_left_early_and_passes_errors_on(path):
    store = PatchStore(path)
    for _, images in store.stream(4):
        np.testing.assert_array_equal(images, PATCHES[:4])
        break
    with pytest.raises(IndexError):
        list(store.stream(4, rows=[1, 2, 99]))


def test_a_stream_reads_ahead(path, monkeypatch):
    store = PatchStore(path)
    with ThreadPoolExecutor(1) as caller:
        read = []
        monkeypatch.setattr(store, "batch", lambda rows: read.append(len(rows)) or PATCHES[rows])
        stream = store.stream(10)
        next(stream)
        caller.submit(lambda: None).result()
        stream.close()
    assert read == [10, 10]


def test_the_memory_of_a_stream_does_not_grow_with_the_store(tmp_path, monkeypatch):
    images = np.zeros((400, 16, 16, 3), np.uint8)
    monkeypatch.setattr(patch_layout, "SHARD_BYTES", 50 * 768)
    store = PatchStore(write_store(tmp_path / "patches.zarr", images))
    list(store.stream(20))  # what is imported and opened once
    tracemalloc.start()
    for _, batch in store.stream(20, shuffle=True):
        assert batch.nbytes == 20 * 768
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 20 * 768 < images.nbytes / 3


def read_sum(store: PatchStore) -> int:
    return int(store.batch(range(23)).sum())


@pytest.mark.parametrize("kind", [None, "sharded and compressed"])
@pytest.mark.parametrize("opened", [False, True])
def test_spawned_processes_read_it(path, kind, opened):
    if kind:
        shutil.rmtree(path)
        zarr_store(path, **OTHER_STORES[kind])
    store = PatchStore(path)
    if opened:
        store.batch([0])
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(read_sum, [store] * 4) == [PATCHES.sum()] * 4


def test_forked_processes_read_it(path):
    store = PatchStore(path)
    store.batch([0])
    receiver, sender = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=lambda: sender.send(read_sum(store)))
    child.start()
    assert receiver.poll(30) and receiver.recv() == PATCHES.sum()
    child.join()


def test_what_is_open_is_not_pickled(path):
    store = PatchStore(path)
    before = len(pickle.dumps(store))
    store.batch(range(23))
    assert len(pickle.dumps(store)) == before < 1000


def test_threads_share_a_store(path, monkeypatch):
    monkeypatch.setattr(patch_store, "_MAPS", 2)  # shards are closed and opened again all the time
    store = PatchStore(path)
    orders = [np.random.default_rng(seed).integers(0, 23, 40) for seed in range(50)]
    with ThreadPoolExecutor(8) as threads:
        for rows, images in zip(orders, threads.map(store.batch, orders), strict=True):
            np.testing.assert_array_equal(images, PATCHES[rows])
