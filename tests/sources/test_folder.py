"""Own images in folders and CSVs, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipit.runtime.errors import UserError
from clipit.sources.folder import FolderImages
from clipit.sources.image_files import read_square
from clipit.sources.image_source import BadImage

SPLITS = {"train": "train", "val": "val", "test": "test"}


def entry(path: Path, **changes: Any) -> dict[str, Any]:
    return {"path": str(path), "splits": SPLITS, "val_share": 0.5, "split_seed": 0, "size": 8, "mpp": None} | changes


def write_image(path: Path, colour: tuple[int, int, int] = (200, 100, 150), size: tuple[int, int] = (12, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for split, n in (("train", 4), ("test", 2)):
        for label in ("a", "b"):
            for i in range(n):
                write_image(tmp_path / split / label / f"{i}.png")
    return tmp_path


def test_folders_give_labels_and_splits_and_val_is_taken_from_train(folders: Path) -> None:
    images = FolderImages(entry(folders))
    assert len(images.items()) == 12
    known = images.labels(images.items())
    assert known.classes == ["a", "b"]
    assert [item.source[-7] for item in images.items()] == [known.classes[label] for label in known.of]
    splits = images.splits(images.items())
    assert {split: splits.count(split) for split in SPLITS} == {"train": 4, "val": 4, "test": 4}
    assert [patch.shape for patch in images.pixels(images.items()[:2], 2)] == [(8, 8, 3)] * 2


def test_a_csv_splits_by_group(tmp_path: Path) -> None:
    rows = ["path,label,split,group"]
    for i in range(12):
        write_image(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,{'ab'[i % 2]},{'test' if i < 4 else 'train'},patient{i // 4}")
    (tmp_path / "images.csv").write_text("\n".join(rows))
    images = FolderImages(entry(tmp_path / "images.csv"))
    splits = dict(zip([item.patch_id for item in images.items()], images.splits(images.items()), strict=True))
    group = {item.patch_id: item.group for item in images.items()}
    assert {splits[patch] for patch in splits if group[patch] == "patient0"} == {"test"}
    for patient in ("patient1", "patient2"):
        assert len({splits[patch] for patch in splits if group[patch] == patient}) == 1
    assert set(splits.values()) == {"train", "val", "test"}


def test_a_class_without_images_a_missing_folder_and_an_unknown_split_are_refused(folders: Path) -> None:
    (folders / "train" / "c").mkdir()
    with pytest.raises(UserError, match=r"train/c holds no image"):
        FolderImages(entry(folders))
    with pytest.raises(UserError, match="does not exist"):
        FolderImages(entry(folders / "nothing"))
    table = folders / "t.csv"
    table.write_text("path,label,split\ntrain/a/0.png,a,training\n")
    with pytest.raises(UserError, match="line 2: split 'training' is not"):
        FolderImages(entry(table))


def test_a_class_that_one_split_lacks_is_refused(folders: Path) -> None:
    for path in (folders / "test" / "b").iterdir():
        path.unlink()
    (folders / "test" / "b").rmdir()
    with pytest.raises(UserError, match="class 'b' has no image in split 'test'"):
        FolderImages(entry(folders))


def test_the_shorter_side_is_resized_and_the_centre_cropped(tmp_path: Path) -> None:
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, 10:30] = 255
    Image.fromarray(picture).save(tmp_path / "x.png")
    assert (read_square(tmp_path / "x.png", 20) == 255).all()


@pytest.mark.parametrize("content", [b"", b"not an image", None])
def test_a_bad_image_gives_a_reason_without_a_path(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bad.jpg"
    if content is None:
        write_image(path, size=(64, 64))
        content = path.read_bytes()[:-200]
    path.write_bytes(content)
    with pytest.raises(BadImage) as caught:
        read_square(path, 8)
    assert str(tmp_path) not in str(caught.value)
