"""PCam's HDF5 files: order, splits, labels, reading by slices whatever the chunks, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image
from tests.miniatures.images import PCAM, write_pcam

from clipit.runtime.errors import UserError
from clipit.sources import pcam
from clipit.sources.image_files import to_square
from clipit.sources.pcam import PcamImages

COUNTS = {"train": 70, "valid": 20, "test": 10}


def entry(folder: Path, size: int = 96) -> dict[str, Any]:
    roles = [(split, part) for split in COUNTS for part in "xy"]
    return {"size": size, "files": {f"{s}_{p}": str(folder / PCAM.format(split=s, part=p)) for s, p in roles}}


def test_items_are_train_then_valid_then_test_with_their_splits_and_labels(tmp_path: Path) -> None:
    write_pcam(tmp_path, COUNTS)
    images = PcamImages(entry(tmp_path))
    items = images.items()
    assert [item.patch_id for item in items][:: len(items) - 1] == ["train_000000", "test_000009"]
    assert items[70].patch_id == "valid_000000"
    assert items[70].source == "camelyonpatch_level_2_split_valid_x.h5"
    assert images.splits(items) == ["train"] * 70 + ["val"] * 20 + ["test"] * 10
    known = images.labels(items[69:72])
    assert known.classes == ["no_tumor", "tumor"]
    assert known.of == [1, 0, 1]


@pytest.mark.parametrize("chunks", [(1, 96, 96, 3), (32, 96, 96, 3), (70, 6, 6, 1), None])
@pytest.mark.parametrize("slice_rows", [1, 24, 256])
def test_any_run_of_items_gives_its_patches_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunks: Any, slice_rows: int
) -> None:
    monkeypatch.setattr(pcam, "_SLICE", slice_rows)
    written = write_pcam(tmp_path, COUNTS, chunks=chunks)
    expected = np.concatenate([written[split] for split in COUNTS])
    images = PcamImages(entry(tmp_path))
    items = images.items()
    for start, stop in ((0, 100), (5, 33), (31, 32), (64, 95), (90, 100), (50, 50)):
        read = list(images.pixels(items[start:stop], 2))
        assert len(read) == stop - start
        assert all(np.array_equal(patch, other) for patch, other in zip(read, expected[start:stop], strict=True))


def test_items_that_are_not_neighbours_are_found_too(tmp_path: Path) -> None:
    written = write_pcam(tmp_path, COUNTS)
    images = PcamImages(entry(tmp_path))
    items = images.items()
    read = list(images.pixels([items[99], items[3], items[4], items[0]], 1))
    assert np.array_equal(read, [written["test"][9], *written["train"][[3, 4, 0]]])


def test_a_chunk_is_decompressed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcam, "_SLICE", 24)
    slices = []
    read = pcam._slice
    monkeypatch.setattr(
        pcam, "_slice", lambda x, start, stop, path: slices.append((start, stop)) or read(x, start, stop, path)
    )
    write_pcam(tmp_path, COUNTS, chunks=(16, 96, 96, 3))
    images = PcamImages(entry(tmp_path))
    list(images.pixels(images.items()[3:70], 1))
    assert slices == [(3, 32), (32, 64), (64, 70)]


def test_another_size_is_resized_as_files_are(tmp_path: Path) -> None:
    written = write_pcam(tmp_path, COUNTS)
    images = PcamImages(entry(tmp_path, size=40))
    read = list(images.pixels(images.items()[:9], 2))
    assert [patch.shape for patch in read] == [(40, 40, 3)] * 9
    assert np.array_equal(read[8], to_square(Image.fromarray(written["train"][8]), 40))


def _without_key(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros((70, 96, 96, 3), np.uint8)


def _wrong_side(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros((70, 64, 64, 3), np.uint8)


def _wrong_type(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros((70, 96, 96, 3), np.float32)


def _flat_labels(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["y"] = np.zeros(70, np.uint8)


def _fewer_labels(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["y"] = np.zeros((69, 1, 1, 1), np.uint8)


def _a_third_label(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["y"] = np.full((70, 1, 1, 1), 2, np.uint8)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


@pytest.mark.parametrize(
    ("part", "spoil", "words"),
    [
        ("x", Path.unlink, "train_x.h5 does not exist"),
        ("x", _cut, "train_x.h5 is not an HDF5 file, or a part of one"),
        ("x", _without_key, "train_x.h5 has no 'x', (N, 96, 96, 3) uint8 (it has images)"),
        ("x", _wrong_side, "x is (70, 64, 64, 3) uint8, not (N, 96, 96, 3) uint8"),
        ("x", _wrong_type, "x is (70, 96, 96, 3) float32"),
        ("y", _flat_labels, "y is (70,) uint8, not (N, 1, 1, 1)"),
        ("y", _fewer_labels, "train_y.h5 has 69 labels and camelyonpatch_level_2_split_train_x.h5 70 patches"),
        ("y", _a_third_label, "y holds 2, but a label is 0 or 1"),
    ],
)
def test_files_of_another_make_are_refused(
    tmp_path: Path, part: str, spoil: Callable[[Path], None], words: str
) -> None:
    write_pcam(tmp_path, COUNTS)
    spoil(tmp_path / PCAM.format(split="train", part=part))
    with pytest.raises(UserError) as caught:
        images = PcamImages(entry(tmp_path))
        images.labels(images.items())
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damage_within_the_patches_is_told(tmp_path: Path) -> None:
    write_pcam(tmp_path, COUNTS)
    path = tmp_path / PCAM.format(split="train", part="x")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)
    images = PcamImages(entry(tmp_path))
    with pytest.raises(UserError, match="is damaged"):
        list(images.pixels(images.items()[:70], 1))
