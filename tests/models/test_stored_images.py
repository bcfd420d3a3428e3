from pathlib import Path

import numpy as np
import pytest
import torch
from tests.stores import write_store

from clipit.artifacts.patch_store import PatchStore
from clipit.models import stored_images
from clipit.models.stored_images import StoredImages

ROWS = [7, 2, 5, 0, 9, 4]
POSITIONS = torch.tensor([3, 0, 0, 5])


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def images(tmp_path: Path, pixels: np.ndarray) -> StoredImages:
    return StoredImages(PatchStore(write_store(tmp_path / "patches.zarr", pixels)), ROWS)


def same(images: StoredImages, pixels: np.ndarray) -> bool:
    found = images[POSITIONS]
    return found.dtype == torch.uint8 and np.array_equal(found.cpu().numpy(), pixels[[0, 7, 7, 4]])


def never_read(*_: object) -> np.ndarray:
    raise AssertionError("the store was read")


def test_images_are_the_rows_at_their_positions(images: StoredImages, pixels: np.ndarray) -> None:
    assert len(images) == 6 and images.size == 8 and not images.resident
    assert same(images, pixels)


def test_on_the_cpu_they_are_read_when_asked_for(images: StoredImages, pixels: np.ndarray) -> None:
    moved = images.to("cpu")
    assert not moved.resident
    assert same(moved, pixels)


@pytest.mark.parametrize("chunk", [1, 400, 10**6])
def test_resident_images_are_read_once(
    images: StoredImages, pixels: np.ndarray, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_images, "_CHUNK_BYTES", chunk)
    moved = images.to("cpu", resident=True)
    assert moved.resident and not images.resident
    monkeypatch.setattr(PatchStore, "batch", never_read)
    assert same(moved, pixels)
    moved[POSITIONS].zero_()  # the caller's own
    assert same(moved, pixels)
    with pytest.raises(AssertionError):
        images[POSITIONS]


@pytest.mark.parametrize(("room", "resident"), [(6 * 192 + 1, True), (6 * 192 - 1, False)])
def test_images_stay_where_there_is_room(
    images: StoredImages, pixels: np.ndarray, room: int, resident: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_images, "_room", lambda device: room)
    moved = images.to("cpu")
    assert moved.resident == resident
    assert same(moved, pixels)
    assert not images.to("cpu", resident=False).resident


def test_room_is_half_of_what_a_cuda_device_has_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 4000))
    assert stored_images._room(torch.device("cuda:1")) == 500
    assert stored_images._room(torch.device("cpu")) == 0


@pytest.mark.gpu
@pytest.mark.parametrize("resident", [True, False, None])
def test_a_gpu_gives_the_same(images: StoredImages, pixels: np.ndarray, resident: bool | None) -> None:
    moved = images.to("cuda", resident=resident)
    assert moved.resident == (resident is not False)
    assert moved[POSITIONS].is_cuda
    assert same(moved, pixels)
