"""BACH's tree: order, labels, the two splits, and what is refused."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.miniatures.images import write_bach

from clipit.runtime.errors import UserError
from clipit.sources.bach import BachImages, split_of_rows
from clipit.sources.image_source import BadImage


def entry(folder: Path, **changes: Any) -> dict[str, Any]:
    return {"size": 16, "mpp": 0.42, "split": "fair", "grid": None, "files": {"photos": str(folder)}} | changes


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bach")
    write_bach(folder)
    return folder


def test_photographs_come_sorted_by_path_and_know_their_class(photos: Path) -> None:
    images = BachImages(entry(photos))
    items = images.items()
    names = [item.source.removeprefix("ICIAR2018_BACH_Challenge/Photos/") for item in items]
    assert len(names) == 400
    assert names == sorted(names)
    assert names[::100] == ["Benign/b001.tif", "InSitu/is001.tif", "Invasive/iv001.tif", "Normal/n001.tif"]
    known = images.labels(items)
    assert known.classes == ["Benign", "InSitu", "Invasive", "Normal"]
    assert known.of == [i // 100 for i in range(400)]


def test_the_shorter_side_is_resized_and_the_centre_cropped(photos: Path) -> None:
    images = BachImages(entry(photos))
    read = list(images.pixels(images.items()[198:202], 2))
    assert [patch.shape for patch in read if not isinstance(patch, BadImage)] == [(16, 16, 3)] * 4
    assert images.items()[0].mpp == pytest.approx(0.63)  # 24 px of 0.42 um as 16 px


def rows_of(split: str, name: str) -> list[int]:
    return [row for row, given in enumerate(split_of_rows(split)) if given == name]


def test_both_splits_test_on_the_same_132_photographs() -> None:
    ranges = [(41, 59), (60, 90), (139, 169), (240, 258), (260, 273), (345, 368)]
    held = [row for start, stop in ranges for row in range(start, stop)]
    assert len(held) == 132
    assert rows_of("fair", "test") == rows_of("released", "test") == held


def test_the_fair_split_validates_on_whole_blocks() -> None:
    assert Counter(split_of_rows("fair")) == {"train": 218, "val": 50, "test": 132}
    val = rows_of("fair", "val")
    assert [val[i : i + 10] for i in range(0, 50, 10)] == [
        list(range(start, start + 10)) for start in (15, 110, 200, 305, 380)
    ]
    assert {row // 100 for row in val} == {0, 1, 2, 3}


def test_the_released_split_validates_on_every_twentieth_of_the_rest() -> None:
    assert Counter(split_of_rows("released")) == {"train": 254, "val": 14, "test": 132}
    rest = [row for row in range(400) if row not in rows_of("released", "test")]
    assert rows_of("released", "val") == [row for i, row in enumerate(rest) if i % 20 == 0]


@pytest.mark.parametrize("split", ["fair", "released"])
def test_splits_follow_the_items_that_are_asked_about(photos: Path, split: str) -> None:
    images = BachImages(entry(photos, split=split))
    items = images.items()
    assert images.splits(items) == split_of_rows(split)
    assert images.splits(items[60:14:-1]) == split_of_rows(split)[60:14:-1]


def test_labels_and_pixels_do_not_ask_for_a_split(photos: Path) -> None:
    settings = entry(photos)
    del settings["split"]
    images = BachImages(settings)
    assert len(images.labels(images.items()).of) == 400


def test_tiles_of_a_photograph_share_its_group_split_and_label(photos: Path) -> None:
    images = BachImages(entry(photos, grid={"mpp": None, "overlap": 0.0}))
    items = images.items()
    assert len(items) == 2 * 400  # 32 x 24 px give two tiles of 16
    assert all(item.group == item.source and item.width == 16 for item in items)
    assert images.splits(items) == [split for split in split_of_rows("fair") for _ in range(2)]
    assert images.labels(items).of == [i // 200 for i in range(800)]
    read = list(images.pixels(items[398:402], 2))
    assert [patch.shape for patch in read if not isinstance(patch, BadImage)] == [(16, 16, 3)] * 4


def test_another_number_of_photographs_is_refused(tmp_path: Path) -> None:
    write_bach(tmp_path, width=4, height=4)
    (tmp_path / "ICIAR2018_BACH_Challenge" / "Photos" / "InSitu" / "is007.tif").unlink()
    with pytest.raises(UserError, match=r"InSitu holds 99 \.tif files, not 100"):
        BachImages(entry(tmp_path))
