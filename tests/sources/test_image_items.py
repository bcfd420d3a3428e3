"""Items of image files and their pixels: whole images, tiles, decoded once, few at a time."""

import weakref
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.sources.pictures import encoded, noise, write

from clipit.sources import image_items as module
from clipit.sources.image_items import image_items, read_items
from clipit.sources.image_source import BadImage, Item

GRID = {"mpp": None, "overlap": 0.0}


def listed(root: Path, *names: str, **changes: Any) -> list[Item]:
    return image_items(root, [(name, None) for name in names], **{"size": 8, "mpp": None, "grid": None} | changes)


def read(root: Path, items: list[Item], threads: int = 1) -> list[np.ndarray | BadImage]:
    return list(chain(*read_items(items, lambda item: root / item.source, 8, threads, lambda _, patches: patches)))


def test_without_a_grid_and_a_resolution_no_file_is_opened(tmp_path: Path) -> None:
    assert listed(tmp_path, "b.png", "a.png") == [Item("b.png", "b.png"), Item("a.png", "a.png")]


def test_the_resolution_is_that_of_the_stored_patch(tmp_path: Path) -> None:
    write(tmp_path / "a.png", encoded(noise(64, 32), "PNG"))
    write(tmp_path / "b.png", b"damaged")
    assert [item.mpp for item in listed(tmp_path, "a.png", "b.png", mpp=0.25)] == [1.0, None]


def test_every_tile_has_its_own_pixels(tmp_path: Path) -> None:
    picture = noise(30, 20)
    write(tmp_path / "a.png", encoded(picture, "PNG"))
    items = listed(tmp_path, "a.png", grid={"mpp": None, "overlap": 0.5})
    assert len(items) == 6 * 4
    for item, patch in zip(items, read(tmp_path, items, 3), strict=True):
        assert item.patch_id == f"a.png@{item.x},{item.y}"
        assert np.array_equal(patch, picture[item.y : item.y + 8, item.x : item.x + 8])


def test_tiles_follow_the_orientation_of_the_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    picture = noise(30, 20)
    write(tmp_path / "a.png", encoded(picture, "PNG", exif=exif))
    items = listed(tmp_path, "a.png", grid=GRID)
    assert (max(item.x for item in items), max(item.y for item in items)) == (8, 16)
    turned = np.rot90(picture, -1)
    for item, patch in zip(items, read(tmp_path, items), strict=True):
        assert np.array_equal(patch, turned[item.y : item.y + 8, item.x : item.x + 8])


def test_whole_images_and_tiles_may_be_mixed(tmp_path: Path) -> None:
    picture = noise(8, 8)
    write(tmp_path / "a.png", encoded(picture, "PNG"))
    items = [Item("a", "a.png"), Item("a@0,0", "a.png", width=8), Item("a@4,4", "a.png", x=4, y=4, width=4)]
    whole, tile, part = read(tmp_path, items)
    assert np.array_equal(whole, picture) and np.array_equal(tile, picture)
    assert isinstance(part, np.ndarray) and part.shape == (8, 8, 3)


def test_files_that_cannot_be_tiled_are_one_rejected_item_each(tmp_path: Path) -> None:
    write(tmp_path / "small.png", encoded(noise(30, 7), "PNG"))
    write(tmp_path / "damaged.png", b"nonsense")
    write(tmp_path / "cut.png", encoded(noise(16, 8), "PNG")[:-100])
    items = listed(tmp_path, "small.png", "damaged.png", "missing.png", "cut.png", grid=GRID)
    assert [item.patch_id for item in items] == [
        "small.png@0,0", "damaged.png@0,0", "missing.png@0,0", "cut.png@0,0", "cut.png@8,0",
    ]  # fmt: skip
    reasons = [str(reason) for reason in read(tmp_path, items)]
    assert reasons[0] == "30 x 7 px, too small for a tile of 8 px"
    assert reasons[2] == "file not found"
    assert all("not a readable image" in reason for reason in (reasons[1], *reasons[3:]))


@pytest.mark.parametrize("threads", [1, 4])
def test_an_image_is_decoded_once_and_kept_no_longer(
    tmp_path: Path, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{i}.png" for i in range(6)]
    for i, name in enumerate(names):
        write(tmp_path / name, encoded(noise(64, 64, seed=i), "PNG"))
    decoded: Counter[str] = Counter()
    images: list[weakref.ref[Image.Image]] = []
    original = module.read_rgb

    def counted(path: Path) -> Image.Image:
        decoded[path.name] += 1
        image = original(path)
        images.append(weakref.ref(image))
        return image

    monkeypatch.setattr(module, "read_rgb", counted)
    monkeypatch.setattr(module, "_AT_A_TIME", 5 * 8 * 8 * 3)
    items = listed(tmp_path, *names, grid=GRID)
    patches = read_items(items, lambda item: tmp_path / item.source, 8, threads, lambda _, patches: len(patches))
    alive = [sum(image() is not None for image in list(images)) for _ in patches]
    assert decoded == Counter(names)
    assert max(alive) <= threads + 1


def test_threads_change_nothing(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(40)]
    for i, name in enumerate(names):
        write(tmp_path / name, encoded(noise(9, 12, seed=i), "PNG") if i % 7 else b"")
    items = listed(tmp_path, *names)
    one, four = read(tmp_path, items, 1), read(tmp_path, items, 4)
    assert [str(p) if isinstance(p, BadImage) else p.tobytes() for p in one] == [
        str(p) if isinstance(p, BadImage) else p.tobytes() for p in four
    ]
    assert sum(isinstance(patch, BadImage) for patch in one) == 6
