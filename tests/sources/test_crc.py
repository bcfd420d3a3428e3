"""NCT-CRC's trees: order, labels, the split that others use too, and what is refused."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import train_test_split
from tests.miniatures.images import CRC_CLASSES, write_crc

from clipit.runtime.errors import UserError
from clipit.sources.crc import CrcImages
from clipit.sources.image_source import BadImage

TRAIN = (10, 7, 12, 5, 9, 8, 6, 11, 15)


def entry(folder: Path, size: int = 32) -> dict[str, Any]:
    return {"size": size, "mpp": 0.5, "files": {"train": str(folder), "test": str(folder)}}


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    write_crc(tmp_path, TRAIN, 2, size=32)
    return tmp_path


def test_tiles_come_sorted_by_path_and_know_their_class(tiles: Path) -> None:
    images = CrcImages(entry(tiles))
    items = images.items()
    assert len(items) == sum(TRAIN) + 18
    assert items[0].patch_id == items[0].source == "NCT-CRC-HE-100K/ADI/ADI-AAAAAAAA.tif"
    assert items[-1].source == "CRC-VAL-HE-7K/TUM/TUM-AAAAAAAB.tif"
    train = [item.source for item in items[: sum(TRAIN)]]
    assert train == sorted(train)
    assert {(item.mpp, item.group) for item in items} == {(3.5, None)}  # 224 px of 0.5 um as 32 px
    known = images.labels(items)
    assert known.classes == list(CRC_CLASSES)
    assert [CRC_CLASSES[label] for label in known.of] == [item.source.split("/")[1] for item in items]


def test_the_split_is_scikit_learns_over_the_sorted_tiles(tiles: Path) -> None:
    images = CrcImages(entry(tiles))
    items = images.items()
    labels = np.repeat(np.arange(9), TRAIN)
    _, val = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=42)
    splits = images.splits(items)
    assert [i for i, split in enumerate(splits) if split == "val"] == sorted(val)
    assert Counter(splits) == {"train": 66, "val": 17, "test": 18}
    assert set(splits[sum(TRAIN) :]) == {"test"}


def test_an_unreadable_tile_changes_no_other_tiles_split(tiles: Path) -> None:
    before = CrcImages(entry(tiles))
    split_of = dict(zip([item.source for item in before.items()], before.splits(before.items()), strict=True))
    stored = [item for item in before.items() if "LYM" not in item.source]
    assert before.splits(stored) == [split_of[item.source] for item in stored]


def test_the_twin_without_normalisation_is_read_too(tmp_path: Path) -> None:
    write_crc(tmp_path, [2] * 9, 1, size=16, stem="NCT-CRC-HE-100K-NONORM")
    images = CrcImages(entry(tmp_path, size=16))
    assert images.items()[0].source.startswith("NCT-CRC-HE-100K-NONORM/ADI/")
    patch = next(images.pixels(images.items()[:1], 1))
    with Image.open(tmp_path / images.items()[0].source) as tile:
        assert np.array_equal(patch, np.asarray(tile))


def test_train_and_test_are_read_from_their_own_downloads(
    tiles: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (tiles / "CRC-VAL-HE-7K").rename(other / "CRC-VAL-HE-7K")
    images = CrcImages(entry(tiles) | {"files": {"train": str(tiles), "test": str(other)}})
    read = list(images.pixels(images.items()[sum(TRAIN) - 1 : sum(TRAIN) + 1], 2))
    assert [patch.shape for patch in read if not isinstance(patch, BadImage)] == [(32, 32, 3)] * 2


def test_a_missing_class_is_told(tiles: Path) -> None:
    for tile in (tiles / "CRC-VAL-HE-7K" / "MUC").iterdir():
        tile.unlink()
    with pytest.raises(UserError, match="CRC-VAL-HE-7K has no tile of class MUC"):
        CrcImages(entry(tiles))


def test_a_missing_archive_is_told(tiles: Path) -> None:
    (tiles / "NCT-CRC-HE-100K").rename(tiles / "NCT")
    with pytest.raises(
        UserError, match=r"holds 0 of the folders NCT-CRC-HE-100K and NCT-CRC-HE-100K-NONORM, .*: delete .* and run"
    ):
        CrcImages(entry(tiles))


def test_too_few_tiles_to_be_split_are_told(tmp_path: Path) -> None:
    write_crc(tmp_path, [1] * 9, 1, size=8)
    images = CrcImages(entry(tmp_path))
    with pytest.raises(UserError, match="9 tiles are too few to be split class by class"):
        images.splits(images.items())
