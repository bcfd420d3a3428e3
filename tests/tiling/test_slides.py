"""Whole slides through every step of tiling, and the pictures of what was kept."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.slides_factory import GLASS, pyramid, tissue, tissue_slide, write_slide

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import labels, patches, rejected, slides, splits
from clipit.artifacts.tables import Stored, read_table
from clipit.runtime.errors import UserError
from clipit.sources.slide_image import open_slide
from clipit.tiling.describe import label_dataset, split_dataset
from clipit.tiling.slides import draw_slides
from clipit.tiling.tile import index_dataset, seal_dataset, tile_dataset

ORIGIN = Origin("tile")
SIZE = 64


@pytest.fixture
def entry(tmp_path: Path) -> dict[str, Any]:
    root = tmp_path / "slides"
    for number, (split, label) in enumerate((s, c) for s in ("train", "val", "test") for c in ("normal", "tumour")):
        slide = pyramid(tissue_slide(768, number), (1, 4))
        write_slide(root / split / label / f"{number}.svs", slide, mpp=0.25, kind="svs")
    (root / "test" / "tumour" / "damaged.svs").write_bytes(b"II*\0")
    write_slide(root / "test" / "tumour" / "empty.tif", [np.full((600, 600, 3), GLASS, np.uint8)])
    return {
        "source": "slides", "path": str(root), "splits": {"train": "train", "val": "val", "test": "test"},
        "val_share": 0.2, "split_seed": 0, "mpp": None, "grid": {"mpp": 0.5, "overlap": 0.25}, "min_tissue": 0.5,
        "annotations": None, "min_cover": 0.5, "size": SIZE, "train_labels": None, "label_seed": 0,
    }  # fmt: skip


def tile(entry: dict[str, Any], out: Path, threads: int = 1, max_rejected: float = 0.3) -> Stored:
    index_dataset(entry, out / "patches.zarr", out / "items.parquet", origin=ORIGIN)
    tiled = out / "tiled.parquet"
    tile_dataset(
        entry, out / "items.parquet", out / "patches.zarr", tiled, part=0, parts=1, threads=threads, origin=ORIGIN
    )
    seal_dataset(
        out / "items.parquet",
        [tiled],
        store=out / "patches.zarr",
        size=entry["size"],
        max_rejected=max_rejected,
        out_patches=out / "patches.parquet",
        out_rejected=out / "rejected.parquet",
        out_success=out / "_SUCCESS.json",
        origin=ORIGIN,
    )
    return read_table(out / "patches.parquet", patches.SCHEMA)


def test_slides_become_a_store_with_splits_and_weak_labels(entry: dict[str, Any], tmp_path: Path) -> None:
    stored = tile(entry, tmp_path / "out", threads=2)
    rows = stored.table.to_pylist()
    assert len({row["source"] for row in rows}) == 6
    assert {(row["width"], row["mpp"]) for row in rows} == {(128, 0.5)}
    for row in rows[:: len(rows) // 9]:
        slide = open_slide(Path(entry["path"]) / row["source"])
        pixels = PatchStore(tmp_path / "out" / "patches.zarr").batch([row["index"]])[0]
        assert np.array_equal(pixels, slide.square(row["x"], row["y"], 128, SIZE))
        slide.close()
    aside = read_table(tmp_path / "out" / "rejected.parquet", rejected.SCHEMA).table.to_pylist()
    assert {row["source"]: row["reason"].partition(";")[0] for row in aside} == {
        "test/tumour/damaged.svs": "no TIFF that tiffslide can open",
        "test/tumour/empty.tif": "no tissue found",
    }
    split_dataset(entry, stored.path, tmp_path / "splits.parquet", origin=ORIGIN)
    split = read_table(tmp_path / "splits.parquet", splits.SCHEMA).column("split")
    assert split == [row["source"].split("/")[0] for row in rows]
    label_dataset(entry, stored.path, tmp_path / "splits.parquet", tmp_path / "labels.parquet", origin=ORIGIN)
    label = read_table(tmp_path / "labels.parquet", labels.SCHEMA)
    assert label.meta == {"classes": ["normal", "tumour"], "weak": True}
    assert label.column("label") == [int("tumour" in row["source"]) for row in rows]


def test_losing_a_quarter_of_the_slides_is_told(entry: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"2 of 8 slides or images give no patch, more than max_rejected = 0\.2 allows"):
        tile(entry, tmp_path / "out", max_rejected=0.2)


@pytest.mark.parametrize("spelt", ["Tumor", "tumor"])
def test_regions_are_called_alike_in_every_split(entry: dict[str, Any], tmp_path: Path, spelt: str) -> None:
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    for slide in Path(entry["path"]).rglob("?.svs"):
        region = {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [768, 0], [768, 768], [0, 768], [0, 0]]]},
            "properties": {"classification": {"name": "tumor" if "train" in slide.parts else spelt}},
        }
        (drawn / f"{slide.stem}.geojson").write_text(json.dumps([region]))
    entry["annotations"] = str(drawn)
    stored = tile(entry, tmp_path / "out")
    split_dataset(entry, stored.path, tmp_path / "splits.parquet", origin=ORIGIN)
    files = stored.path, tmp_path / "splits.parquet", tmp_path / "labels.parquet"
    if spelt == "tumor":
        label_dataset(entry, *files, origin=ORIGIN)
    else:
        with pytest.raises(UserError, match=r"class 'tumor' .* in split 'test' \(it has 'Tumor': spell them alike"):
            label_dataset(entry, *files, origin=ORIGIN)


def test_threads_change_no_byte(entry: dict[str, Any], tmp_path: Path) -> None:
    one, many = tile(entry, tmp_path / "one"), tile(entry, tmp_path / "many", threads=4)
    assert one.path.read_bytes() == many.path.read_bytes()
    for stored, threads in ((one, 1), (many, 4)):
        drawn = stored.path.with_name("slides.parquet")
        draw_slides(entry, stored.path, drawn, threads=threads, origin=ORIGIN)
    assert one.path.with_name("slides.parquet").read_bytes() == many.path.with_name("slides.parquet").read_bytes()


def test_every_slide_is_pictured_or_gets_its_reason(entry: dict[str, Any], tmp_path: Path) -> None:
    stored = tile(entry, tmp_path / "out")
    draw_slides(entry, stored.path, tmp_path / "slides.parquet", threads=2, origin=ORIGIN)
    drawn = read_table(tmp_path / "slides.parquet", slides.SCHEMA)
    assert drawn.lineage == stored.lineage
    rows = {row["slide"]: row for row in drawn.table.to_pylist()}
    assert len(rows) == 8
    assert rows["test/tumour/empty.tif"]["reason"] == "no tissue found"
    assert rows["test/tumour/damaged.svs"]["thumbnail"] is None
    row = rows["train/normal/0.svs"]
    assert (row["width"], row["height"], row["mpp"], row["reason"]) == (768, 768, 0.25, None)
    assert row["tiles"] == stored.column("source").count("train/normal/0.svs")
    assert 0.3 < row["tissue"] < 0.6
    assert Image.open(io.BytesIO(row["thumbnail"])).size == (600, 600)


def test_a_picture_shows_kept_tiles_as_they_are_and_fades_the_rest(entry: dict[str, Any], tmp_path: Path) -> None:
    pixels = np.full((1200, 2400, 3), GLASS, np.uint8)
    pixels[:, :1250] = tissue(1250)[:1200]
    root = tmp_path / "one"
    write_slide(root / "train" / "a" / "0.tif", pyramid(pixels, (1, 4)))
    entry |= {"path": str(root), "size": 300, "grid": {"mpp": 0.5, "overlap": 0.0}, "min_tissue": 0.9}
    stored = tile(entry, tmp_path / "out")
    assert sorted(set(stored.column("x"))) == [0, 300, 600, 900]
    draw_slides(entry, stored.path, tmp_path / "slides.parquet", origin=ORIGIN)
    (row,) = read_table(tmp_path / "slides.parquet", slides.SCHEMA).table.to_pylist()
    picture = np.asarray(Image.open(io.BytesIO(row["thumbnail"]))).astype(float)
    assert picture.shape == (300, 600, 3)
    inside, beyond, line = picture[10:65, 10:65], picture[:, 303:308], picture[20:280, 310:315]
    assert inside.mean() < beyond.mean() - 15  # tissue in no tile is paler
    assert line.min(axis=1).mean() < inside.mean()  # the edge of the tissue is drawn
    assert picture[:, 400:].min() > 235
