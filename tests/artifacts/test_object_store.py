"""A patch store in object storage, at a server that speaks S3, is read as the one on the disk."""

import pickle
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr
from tests.servers.s3 import ObjectStorage
from tests.stores import seal, write_store

from clipit.artifacts import patch_layout
from clipit.artifacts.object_store import beside, inside, read_bytes
from clipit.artifacts.patch_store import PatchStore
from clipit.runtime.errors import UserError

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("storage")]

SIZE = 8
PATCHES = np.random.default_rng(0).integers(0, 256, (23, SIZE, SIZE, 3), dtype=np.uint8)
ORDERS = (np.arange(23), np.arange(3, 17), np.random.default_rng(1).permutation(23), np.array([22, 0, 7, 7]))


@pytest.fixture(scope="module")
def storage() -> Iterator[ObjectStorage]:
    with ObjectStorage() as storage:
        yield storage


@pytest.fixture(autouse=True)
def clients(storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of S3 find the server; a shard has five patches."""
    for name, value in storage.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(patch_layout, "SHARD_BYTES", 5 * SIZE * SIZE * 3)


@pytest.fixture
def uploaded(storage: ObjectStorage, tmp_path: Path) -> str:
    """The address of a copy of a store."""
    write_store(tmp_path / "patches.zarr", PATCHES)
    return upload(storage, tmp_path)


def upload(storage: ObjectStorage, folder: Path) -> str:
    """Copies a folder, named by the test; gives the address of the store in it."""
    storage.upload(folder, "lab", f"patches/{folder.name}")
    return f"s3://lab/patches/{folder.name}/patches.zarr"


def test_patches_are_those_of_the_store_on_the_disk(uploaded: str) -> None:
    store = PatchStore(uploaded)
    assert (len(store), store.size) == (23, SIZE)
    for rows in ORDERS:
        np.testing.assert_array_equal(store.batch(rows), PATCHES[rows])
    for rows, images in store.stream(4, shuffle=True, seed=2):
        np.testing.assert_array_equal(images, PATCHES[rows])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store)).batch([5]), PATCHES[[5]])
    with pytest.raises(IndexError):
        store.batch([23])


def test_a_compressed_store_is_read_too(storage: ObjectStorage, tmp_path: Path) -> None:
    group = zarr.open_group(str(tmp_path / "patches.zarr"), mode="w")
    chunks = {"chunks": (1, SIZE, SIZE, 3), "shards": (5, SIZE, SIZE, 3), "compressors": zarr.codecs.ZstdCodec()}
    group.create_array("image", shape=PATCHES.shape, dtype="uint8", **chunks)[:] = PATCHES
    seal(tmp_path / "patches.zarr", PATCHES.shape)
    np.testing.assert_array_equal(PatchStore(upload(storage, tmp_path)).batch([3, 20]), PATCHES[[3, 20]])


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("patches.zarr/image/c/3/0/0/0", "shard 3 of 5 is missing"),
        ("_SUCCESS.json", "is not finished .*_SUCCESS.json is missing"),
        ("patches.zarr/image/zarr.json", "is not a patch store"),
    ],
)
def test_a_store_that_was_copied_in_part_is_refused(
    storage: ObjectStorage, tmp_path: Path, missing: str, message: str
) -> None:
    write_store(tmp_path / "patches.zarr", PATCHES)
    (tmp_path / missing).unlink()
    with pytest.raises(UserError, match=message):
        PatchStore(upload(storage, tmp_path))


def test_storage_that_does_not_answer_ends_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(UserError, match=r"cannot be read .* AWS_ENDPOINT_URL") as told:
            PatchStore("s3://lab/patches.zarr")
    assert "\n" not in str(told.value)


def test_paths_and_addresses_are_put_together_alike() -> None:
    assert inside("s3://lab/a/", "b", "c") == "s3://lab/a/b/c"
    assert inside("a", "b") == Path("a/b") == inside(Path("a"), "b")
    assert beside("s3://lab/a/b", "c") == "s3://lab/a/c"
    assert beside("a/b", "c") == Path("a/c")
    with pytest.raises(FileNotFoundError):
        read_bytes("s3://lab/nothing")


def test_the_lines_of_the_page_read_patches(storage: ObjectStorage, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "object_storage.md").read_text()
    lines = page.partition("```python\n")[2].partition("```")[0]
    write_store(tmp_path / "pcam" / "patches.zarr", np.tile(PATCHES, (5, 1, 1, 1)))
    storage.upload(tmp_path / "pcam", "lab", "patches/pcam")
    found: dict[str, PatchStore] = {}
    exec(lines, found)
    np.testing.assert_array_equal(found["store"].batch([5, 3, 100]), PATCHES[[5, 3, 100 % 23]])
