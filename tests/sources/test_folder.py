"""Own images in folders and CSVs, and what is refused."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clipit.runtime.errors import UserError
from clipit.sources.folder import FolderImages

SPLITS = {"train": "train", "val": "val", "test": "test"}


def entry(path: Path, **changes: Any) -> dict[str, Any]:
    return {
        "path": str(path),
        "splits": SPLITS,
        "val_share": 0.5,
        "split_seed": 0,
        "size": 8,
        "mpp": None,
        "grid": None,
    } | changes


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


def test_a_csv_may_be_all_test(tmp_path: Path) -> None:
    for name in "ab":
        write_image(tmp_path / f"{name}.png")
    (tmp_path / "images.csv").write_text("path,label,split\na.png,a,test\nb.png,b,test\n")
    images = FolderImages(entry(tmp_path / "images.csv"))
    assert images.splits(images.items()) == ["test", "test"]
    assert images.labels(images.items()).of == [0, 1]


def test_a_csv_may_name_centres(tmp_path: Path) -> None:
    rows = ["path,label,split,centre"]
    for i in range(4):
        write_image(tmp_path / f"{i}.png", size=(8, 8))
        rows.append(f"{i}.png,a,{'test' if i < 2 else 'train'},{('north', '')[i % 2]}")
    (tmp_path / "images.csv").write_text("\n".join(rows))
    for grid in (None, {"mpp": None, "overlap": 0}):
        images = FolderImages(entry(tmp_path / "images.csv", grid=grid))
        assert [item.centre for item in images.items()] == ["north", None] * 2


def test_a_class_without_images_a_missing_folder_and_an_unknown_split_are_refused(folders: Path) -> None:
    (folders / "train" / "c").mkdir()
    with pytest.raises(UserError, match=r"train/c holds no image"):
        FolderImages(entry(folders)).items()
    with pytest.raises(UserError, match="does not exist"):
        FolderImages(entry(folders / "nothing"))
    table = folders / "t.csv"
    table.write_text("path,label,split\ntrain/a/0.png,a,training\n")
    with pytest.raises(UserError, match="line 2: split 'training' is not"):
        FolderImages(entry(table)).items()


def test_a_class_that_one_split_lacks_is_refused(folders: Path) -> None:
    for path in (folders / "test" / "b").iterdir():
        path.unlink()
    (folders / "test" / "b").rmdir()
    with pytest.raises(UserError, match="class 'b' has no image in split 'test'"):
        FolderImages(entry(folders)).items()


def test_pixels_do_not_list_the_folder_again(folders: Path) -> None:
    items = FolderImages(entry(folders)).items()
    (folders / "train" / "c").mkdir()  # would be refused
    assert len(list(FolderImages(entry(folders)).pixels(items, 1))) == 12


def class_folders(root: Path, **counts: int) -> Path:
    for label, n in counts.items():
        for i in range(n):
            write_image(root / label / f"{i}.png")
    return root


def test_class_folders_are_split_class_by_class(tmp_path: Path) -> None:
    images = FolderImages(entry(class_folders(tmp_path, a=10, b=20), splits=None, test_share=0.3, val_share=0.2))
    items = images.items()
    known = images.labels(items)
    counts = Counter(zip(images.splits(items), known.of, strict=True))
    assert known.classes == ["a", "b"]
    assert counts == {
        ("test", 0): 3,
        ("val", 0): 1,
        ("train", 0): 6,
        ("test", 1): 6,
        ("val", 1): 3,
        ("train", 1): 11,
    }
    assert images.splits(items[::-1]) == images.splits(items)[::-1]


def test_class_folders_are_listed_and_labelled_without_shares(tmp_path: Path) -> None:
    settings = entry(class_folders(tmp_path, a=2, b=2), splits=None)
    del settings["val_share"], settings["split_seed"]
    images = FolderImages(settings)
    assert images.labels(images.items()).of == [0, 0, 1, 1]


def test_split_folders_are_not_taken_for_classes_nor_the_other_way_round(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds test and train, which look like splits.*leave out splits: null"):
        FolderImages(entry(folders, splits=None)).items()
    classes = class_folders(tmp_path / "other", a=2, b=2)
    with pytest.raises(UserError, match=r"no image in train/<class>/ or val/.*set splits to null"):
        FolderImages(entry(classes)).items()


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no image in class folders: expected .*/<class>/\*\.jpg"):
        FolderImages(entry(tmp_path, splits=None)).items()


def test_a_name_that_is_not_utf8_is_refused(folders: Path) -> None:
    bad = os.fsencode(folders / "train" / "a") + b"/\xff.png"
    try:
        os.link(folders / "train" / "a" / "0.png", bad)
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(UserError, match="the name is not UTF-8 text"):
        FolderImages(entry(folders)).items()


def test_what_is_left_out_is_told(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(folders / "train" / "loose.png")
    for name in ("train/a/x.heic", "train/a/y.heic", "test/notes.txt"):
        (folders / name).write_text("")
    FolderImages(entry(folders)).items()
    assert "left out: 2 .heic, 1 .png, 1 .txt (images are read from" in capsys.readouterr().err


def test_a_grid_tiles_every_image_in_one_group(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_image(tmp_path / split / "a" / "x.png", size=(40, 20))
    images = FolderImages(entry(tmp_path, mpp=0.25, grid={"mpp": 0.5, "overlap": 0.0}))
    items = images.items()
    assert [item.patch_id for item in items if item.source.startswith("train")] == [
        "train/a/x.png@0,0",
        "train/a/x.png@16,0",
    ]
    assert {(item.group, item.width, item.mpp) for item in items} == {(f"{split}/a/x.png", 16, 0.5) for split in SPLITS}
    assert images.splits(items) == ["train"] * 2 + ["val"] * 2 + ["test"] * 2
    assert images.labels(items).of == [0] * 6
    assert [patch.shape for patch in images.pixels(items, 2)] == [(8, 8, 3)] * 6


def test_tiles_of_a_csv_keep_its_groups(tmp_path: Path) -> None:
    rows = ["path,label,split,group"]
    for i, split in enumerate(("train", "val", "test")):
        write_image(tmp_path / f"{i}.png", size=(16, 8))
        rows.append(f"{i}.png,a,{split},{'patient' if i == 0 else ''}")
    (tmp_path / "images.csv").write_text("\n".join(rows))
    items = FolderImages(entry(tmp_path / "images.csv", grid={"mpp": None, "overlap": 0.0})).items()
    assert [item.group for item in items] == ["patient"] * 2 + ["1.png"] * 2 + ["2.png"] * 2


def test_a_grid_needs_the_resolution_of_the_images(folders: Path) -> None:
    with pytest.raises(UserError, match="set the data set's key mpp"):
        FolderImages(entry(folders, grid={"mpp": 0.5, "overlap": 0.0})).items()
