"""Tiling keeps the order, sets bad images aside, and works in parts."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.faults.killed import digest

from clipit.artifacts import patch_layout
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import labels, patches, rejected, splits
from clipit.artifacts.tables import Stored, read_json, read_table
from clipit.runtime.errors import UserError
from clipit.sources.folder import FolderImages
from clipit.tiling import tile as module
from clipit.tiling.describe import label_dataset, split_dataset
from clipit.tiling.tile import index_dataset, seal_dataset, tile_dataset
from clipit.training.examples import read_examples

ORIGIN = Origin("tile")
SPLITS = {"train": "train", "val": "val", "test": "test"}


@pytest.fixture
def entry(tmp_path: Path) -> dict[str, Any]:
    for split in ("train", "val", "test"):
        for k, label in enumerate("abc"):
            for i in range(4):
                path = tmp_path / "images" / split / label / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (8, 8), (i, k, 7)).save(path)
    return {
        "source": "folder",
        "path": str(tmp_path / "images"),
        "splits": SPLITS,
        "val_share": 0.2,
        "split_seed": 0,
        "size": 8,
        "mpp": 0.5,
        "grid": None,
        "train_labels": None,
        "label_seed": 0,
    }


def tile(entry: dict[str, Any], out: Path, parts: int = 1, max_rejected: float = 0.1, threads: int = 1) -> Stored:
    index_dataset(entry, out / "patches.zarr", out / "items.parquet", origin=ORIGIN)
    tiled = [out / f"part{i}.parquet" for i in range(parts)]
    for i, part in enumerate(tiled):
        tile_dataset(
            entry,
            out / "items.parquet",
            out / "patches.zarr",
            part,
            part=i,
            parts=parts,
            threads=threads,
            origin=ORIGIN,
        )
    seal_dataset(
        out / "items.parquet",
        tiled,
        store=out / "patches.zarr",
        size=8,
        max_rejected=max_rejected,
        out_patches=out / "patches.parquet",
        out_rejected=out / "rejected.parquet",
        out_success=out / "_SUCCESS.json",
        origin=ORIGIN,
    )
    return read_table(out / "patches.parquet", patches.SCHEMA)


def test_every_patch_lies_at_its_index(entry: dict[str, Any], tmp_path: Path) -> None:
    stored = tile(entry, tmp_path)
    pixels = PatchStore(tmp_path / "patches.zarr").batch(stored.column("index"))
    for row, patch in zip(stored.table.to_pylist(), pixels, strict=True):
        assert row["patch_id"].endswith(f"{'abc'[patch[0, 0, 1]]}/{patch[0, 0, 0]}.png")
        assert row["sha256"] == patch_layout.patch_digest(patch)
    success = read_json(tmp_path / "_SUCCESS.json")
    assert success["patches"] == 36
    assert success["digest"] == stored.lineage["patches"]


def test_parts_give_the_same_store(entry: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_layout, "SHARD_BYTES", 5 * 8 * 8 * 3)
    one, many = tile(entry, tmp_path / "one"), tile(entry, tmp_path / "many", parts=3)
    assert one.lineage == many.lineage
    read = [PatchStore(tmp_path / name / "patches.zarr").batch(range(36)) for name in ("one", "many")]
    assert np.array_equal(*read)


def test_threads_and_shards_give_the_same_bytes(
    entry: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(entry["path"]) / "train" / "a" / "1.png").write_bytes(b"")
    monkeypatch.setattr(patch_layout, "SHARD_BYTES", 5 * 8 * 8 * 3)
    monkeypatch.setattr(module, "_PIECE", 7)
    for threads in (1, 4):
        tile(entry, tmp_path / str(threads), threads=threads)
    assert digest(tmp_path / "1") == digest(tmp_path / "4")


def test_a_source_that_gives_too_few_patches_is_a_defect(
    entry: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FolderImages, "runs", lambda *a: (a[3](0, [np.zeros((8, 8, 3), np.uint8)] * n) for n in [35]))
    with pytest.raises(ValueError, match="patches are missing: 1 of"):
        tile(entry, tmp_path)
    assert not (tmp_path / "part0.parquet").exists()


def test_tiles_of_an_image_become_patches_of_one_group(entry: dict[str, Any], tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    for path in Path(entry["path"]).rglob("*.png"):
        Image.fromarray(picture).save(path)
    entry["grid"] = {"mpp": 0.5, "overlap": 0.5}
    stored = tile(entry, tmp_path, threads=2)
    assert len(stored.table) == 36 * 4 * 3
    assert stored.table["x"].to_pylist()[:5] == [0, 4, 8, 12, 0]
    pixels = PatchStore(tmp_path / "patches.zarr").batch(range(12))
    for row, patch in zip(stored.table.to_pylist(), pixels, strict=False):
        assert row["group"] == row["source"]
        assert np.array_equal(patch, picture[row["y"] : row["y"] + 8, row["x"] : row["x"] + 8])
    split_dataset(entry, stored.path, tmp_path / "splits.parquet", origin=ORIGIN)
    assert read_table(tmp_path / "splits.parquet", splits.SCHEMA).meta["counts"] == dict.fromkeys(SPLITS, 144)


def test_room_for_the_store_is_asked_for_beforehand(
    entry: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 36 * 8 * 8 * 3 - 1))
    with pytest.raises(UserError, match="a store of 36 patches needs"):
        index_dataset(entry, tmp_path / "patches.zarr", tmp_path / "items.parquet", origin=ORIGIN)
    assert not (tmp_path / "items.parquet").exists()


def test_a_corrupt_image_is_set_aside_with_a_reason(entry: dict[str, Any], tmp_path: Path) -> None:
    bad = Path(entry["path"]) / "train" / "a" / "1.png"
    bad.write_bytes(bad.read_bytes()[:30])
    stored = tile(entry, tmp_path)
    assert len(stored.table) == 35
    aside = read_table(tmp_path / "rejected.parquet", rejected.SCHEMA).table.to_pylist()
    assert [row["patch_id"] for row in aside] == ["train/a/1.png"]
    assert "not a readable image" in aside[0]["reason"]
    assert (PatchStore(tmp_path / "patches.zarr").batch([aside[0]["index"]]) == 0).all()


def test_too_many_corrupt_images_stop_the_stage(entry: dict[str, Any], tmp_path: Path) -> None:
    (Path(entry["path"]) / "train" / "a" / "1.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"1 of 36 images cannot be used.*train/a/1\.png"):
        tile(entry, tmp_path, max_rejected=0.01)
    assert not (tmp_path / "patches.parquet").exists()


def test_images_that_give_no_patch_count_as_much_as_others_that_give_many(
    entry: dict[str, Any], tmp_path: Path
) -> None:
    for path in Path(entry["path"]).rglob("*.png"):
        Image.new("RGB", (80, 80)).save(path)
    for path in sorted(Path(entry["path"]).rglob("3.png"))[:5]:
        path.write_bytes(b"")
    entry["grid"] = {"mpp": 0.5, "overlap": 0.0}
    with pytest.raises(UserError, match=r"5 of 36 slides or images give no patch.*train/a/3\.png: the file is empty"):
        tile(entry, tmp_path)
    assert not (tmp_path / "patches.parquet").exists()
    assert len(tile(entry, tmp_path, max_rejected=0.14).table) == 31 * 100


def test_the_log_keeps_the_first_reasons(
    entry: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in Path(entry["path"]).rglob("[012].png"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match="27 of 36 images"):
        tile(entry, tmp_path)
    told = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("rejected ") for line in told) == 20
    assert "rejected train/a/0.png: the file is empty" in told
    assert told[-1] == "… and 7 more"


def test_parts_of_other_items_are_refused(entry: dict[str, Any], tmp_path: Path) -> None:
    tile(entry, tmp_path, parts=2)
    with pytest.raises(UserError, match="do not cover its items"):
        seal_dataset(
            tmp_path / "items.parquet",
            [tmp_path / "part0.parquet"],
            store=tmp_path / "patches.zarr",
            size=8,
            max_rejected=0.1,
            out_patches=tmp_path / "p.parquet",
            out_rejected=tmp_path / "r.parquet",
            out_success=tmp_path / "_SUCCESS.json",
            origin=ORIGIN,
        )


def test_a_store_begun_anew_is_not_sealed_with_the_outcome_of_the_old_one(
    entry: dict[str, Any], tmp_path: Path
) -> None:
    def seal() -> None:
        seal_dataset(
            tmp_path / "items.parquet",
            [tmp_path / "part0.parquet"],
            store=tmp_path / "patches.zarr",
            size=8,
            max_rejected=0.1,
            out_patches=tmp_path / "patches.parquet",
            out_rejected=tmp_path / "rejected.parquet",
            out_success=tmp_path / "_SUCCESS.json",
            origin=ORIGIN,
        )

    tile(entry, tmp_path)
    index_dataset(entry, tmp_path / "patches.zarr", tmp_path / "items.parquet", origin=ORIGIN)
    with pytest.raises(UserError, match=r"patches\.zarr is incomplete .*: delete"):
        seal()
    tile(entry, tmp_path)
    other = Origin("tile", {"another": "listing"})
    index_dataset(entry, tmp_path / "other.zarr", tmp_path / "items.parquet", origin=other)
    with pytest.raises(UserError, match="do not cover its items"):
        seal()


def test_the_digest_covers_names_and_pixels_piece_by_piece(
    entry: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PIECE", 10)
    first = tile(entry, tmp_path / "first").lineage
    assert tile(entry, tmp_path / "again", parts=2).lineage == first
    Image.new("RGB", (8, 8), (9, 9, 9)).save(Path(entry["path"]) / "val" / "b" / "2.png")
    assert tile(entry, tmp_path / "edited").lineage != first


def test_few_labels_are_drawn_evenly_and_the_others_vanish(entry: dict[str, Any], tmp_path: Path) -> None:
    stored = tile(entry, tmp_path)
    split_dataset(entry, stored.path, tmp_path / "splits.parquet", origin=ORIGIN)
    few = entry | {"train_labels": 6}
    label_dataset(few, stored.path, tmp_path / "splits.parquet", tmp_path / "labels.parquet", origin=ORIGIN)
    label = read_table(tmp_path / "labels.parquet", labels.SCHEMA)
    split = read_table(tmp_path / "splits.parquet", splits.SCHEMA).column("split")
    kept = [c for c, s in zip(label.column("label"), split, strict=True) if s == "train" and c is not None]
    assert sorted(kept) == [0, 0, 1, 1, 2, 2]
    assert all(c is not None for c, s in zip(label.column("label"), split, strict=True) if s != "train")
    assert label.meta["classes"] == ["a", "b", "c"]


def test_equal_pixels_in_two_splits_are_told(
    entry: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(entry["path"])
    # The fixture's splits have the same pixels.
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    split_dataset(entry, tile(entry, tmp_path).path, tmp_path / "splits.parquet", origin=ORIGIN)
    assert "same pixels" not in capsys.readouterr().err
    shutil.copy(folder / "train" / "b" / "1.png", folder / "train" / "b" / "2.png")
    shutil.copy(folder / "train" / "b" / "1.png", folder / "test" / "c" / "3.png")
    split_dataset(entry, tile(entry, tmp_path).path, tmp_path / "splits.parquet", origin=ORIGIN)
    told = capsys.readouterr().err
    assert "3 patches have the same pixels as one in another split" in told
    assert "(the first: train/b/1.png in train, test/c/3.png in test)" in told


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("test/a/*", r"class 'a' has no patch in split 'test': see rejected\.parquet"),
        ("train/b/*", "class 'b' has no patch in split 'train'"),
        ("test/*/*", "has no labelled test patch"),
        ("val/*/*", "has no labelled val patch"),
    ],
)
def test_classes_and_splits_that_were_lost_in_tiling_are_missed(
    entry: dict[str, Any], tmp_path: Path, lost: str, words: str
) -> None:
    for path in Path(entry["path"]).glob(lost):
        path.write_bytes(b"")
    stored = tile(entry, tmp_path, max_rejected=0.5)
    split_dataset(entry, stored.path, tmp_path / "splits.parquet", origin=ORIGIN)
    with pytest.raises(UserError, match=words):
        label_dataset(entry, stored.path, tmp_path / "splits.parquet", tmp_path / "labels.parquet", origin=ORIGIN)
    assert not (tmp_path / "labels.parquet").exists()


def test_a_data_set_may_be_all_test(tmp_path: Path, entry: dict[str, Any]) -> None:
    table = Path(entry["path"]) / "images.csv"
    rows = [f"test/{c}/{i}.png,{c},test,centre{i}" for c in "abc" for i in range(2)]
    table.write_text("\n".join(["path,label,split,centre", *rows]))
    entry["path"] = str(table)
    stored = tile(entry, tmp_path)
    assert stored.column("centre") == ["centre0", "centre1"] * 3
    files = stored.path, tmp_path / "splits.parquet", tmp_path / "labels.parquet"
    split_dataset(entry, stored.path, files[1], origin=ORIGIN)
    label_dataset(entry, *files, origin=ORIGIN)
    assert read_table(files[2], labels.SCHEMA).column("label") == [0, 0, 1, 1, 2, 2]
    with pytest.raises(UserError, match="all patches are test, so only an extra test can use them: name a train split"):
        read_examples(*files)


def test_a_patient_in_two_splits_is_refused(tmp_path: Path, entry: dict[str, Any]) -> None:
    table = Path(entry["path"]) / "images.csv"
    rows = [f"{s}/{c}/{i}.png,{c},{s},p{i}" for s in ("train", "val", "test") for c in "abc" for i in range(2)]
    table.write_text("\n".join(["path,label,split,group", *rows]))
    entry["path"] = str(table)
    stored = tile(entry, tmp_path)
    with pytest.raises(UserError, match="a patient belongs to one split"):
        split_dataset(entry, stored.path, tmp_path / "splits.parquet", origin=ORIGIN)
