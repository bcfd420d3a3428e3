"""Tiling keeps the order, sets bad images aside, and works in parts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipit.artifacts import patch_layout
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import labels, patches, rejected, splits
from clipit.artifacts.tables import Stored, read_json, read_table
from clipit.runtime.errors import UserError
from clipit.tiling.describe import label_dataset, split_dataset
from clipit.tiling.tile import index_dataset, seal_dataset, tile_dataset

ORIGIN = Origin("tile")


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
        "splits": {"train": "train", "val": "val", "test": "test"},
        "val_share": 0.2,
        "split_seed": 0,
        "size": 8,
        "mpp": 0.5,
        "grid": None,
        "train_labels": None,
        "label_seed": 0,
    }


def tile(entry: dict[str, Any], out: Path, parts: int = 1, max_rejected: float = 0.1) -> Stored:
    index_dataset(entry, out / "patches.zarr", out / "items.parquet", origin=ORIGIN)
    tiled = [out / f"part{i}.parquet" for i in range(parts)]
    for i, part in enumerate(tiled):
        tile_dataset(entry, out / "items.parquet", out / "patches.zarr", part, part=i, parts=parts, origin=ORIGIN)
    seal_dataset(
        out / "items.parquet",
        tiled,
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


def test_a_patient_in_two_splits_is_refused(tmp_path: Path, entry: dict[str, Any]) -> None:
    table = Path(entry["path"]) / "images.csv"
    rows = [f"{s}/{c}/{i}.png,{c},{s},p{i}" for s in ("train", "val", "test") for c in "abc" for i in range(2)]
    table.write_text("\n".join(["path,label,split,group", *rows]))
    entry["path"] = str(table)
    stored = tile(entry, tmp_path)
    with pytest.raises(UserError, match="a patient belongs to one split"):
        split_dataset(entry, stored.path, tmp_path / "splits.parquet", origin=ORIGIN)
