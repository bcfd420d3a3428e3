"""A data set of whole slides: its tiles, splits and labels, and the slides that cannot be used."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.slides_factory import GLASS, places, position_coded, pyramid, tissue, tissue_slide, write_slide

from clipit.config.datasets import SlidesDataset
from clipit.config.load import load_config
from clipit.runtime.errors import UserError
from clipit.sources.image_source import BadImage, Item, open_images
from clipit.sources.slide_survey import Survey
from clipit.sources.slides import SlideImages

SPLITS = {"train": "train", "val": "val", "test": "test"}


def entry(path: Path, **changes: Any) -> dict[str, Any]:
    grid = {"mpp": changes.pop("grid_mpp", 0.5), "overlap": changes.pop("overlap", 0.0)}
    return {
        "source": "slides", "path": str(path), "splits": SPLITS, "val_share": 0.5, "split_seed": 0, "mpp": None,
        "grid": grid, "min_tissue": 0.5, "annotations": None, "min_cover": 0.5, "size": 64,
    } | changes  # fmt: skip


def write_tissue(path: Path, side: int = 256, **options: Any) -> Path:
    """A slide that is tissue all over."""
    return write_slide(path, [tissue(side)], **options)


def corners(items: list[Item]) -> list[tuple[int, int]]:
    return [(item.x, item.y) for item in items]


def only_reason(images: SlideImages) -> str:
    """Why the one slide of a data set cannot be used."""
    (item,) = images.items()
    assert item.width == 0
    (reason,) = images.pixels([item], 2)
    assert isinstance(reason, BadImage)
    return str(reason)


def test_tiles_carry_their_place_and_what_is_known_of_the_slide(tmp_path: Path) -> None:
    write_tissue(tmp_path / "train" / "tumour" / "a.svs", 500, mpp=0.25, kind="svs")
    items = SlideImages(entry(tmp_path)).items()
    assert corners(items) == [(x, y) for y in (0, 128, 256) for x in (0, 128, 256)]
    assert items[1] == Item("train/tumour/a.svs@128,0", "train/tumour/a.svs", "a", 128, 0, 128, 0.5)
    assert isinstance(open_images(entry(tmp_path)), SlideImages)


def test_pixels_are_those_at_the_items_place(tmp_path: Path) -> None:
    write_slide(tmp_path / "train" / "a.tif", [position_coded(500, 400)])
    images = SlideImages(entry(tmp_path, min_tissue=0.0, overlap=0.3))
    items = images.items()
    assert corners(items)[:2] == [(0, 0), (45, 0)]
    assert max(corners(items)) == (405, 315)
    for item, pixels in zip(items, images.pixels(items, 2), strict=True):
        assert places(pixels)[0, 0].tolist() == [item.x, item.y]
        assert places(pixels)[-1, -1].tolist() == [item.x + 63, item.y + 63]


def test_a_slide_that_was_unusable_and_is_not_any_more_says_what_to_do(tmp_path: Path) -> None:
    slide = tmp_path / "train" / "a.tif"
    slide.parent.mkdir()
    slide.write_bytes(b"")
    images = SlideImages(entry(tmp_path))
    items = images.items()
    write_tissue(slide)
    (reason,) = images.pixels(items, 1)
    assert str(reason) == "changed since it was listed: run snakemake again"


def test_background_is_left_out(tmp_path: Path) -> None:
    pixels = np.full((1024, 1024, 3), GLASS, np.uint8)
    pixels[256:768, 256:640] = tissue(512)[:, :384]
    write_slide(tmp_path / "train" / "a.tif", pyramid(pixels))
    inside = {(x, y) for y in range(256, 768, 64) for x in range(256, 640, 64)}
    assert set(corners(SlideImages(entry(tmp_path)).items())) == inside
    assert len(SlideImages(entry(tmp_path, min_tissue=0.0)).items()) == 256
    # Tiles that are cut by the edge of the tissue.
    half = SlideImages(entry(tmp_path, overlap=0.5)).items()
    assert {x for x, y in corners(half) if y == 320} == set(range(224, 640, 32))
    most = SlideImages(entry(tmp_path, overlap=0.5, min_tissue=0.9)).items()
    assert {x for x, y in corners(most) if y == 320} == set(range(256, 608, 32))


def test_resolution_is_the_csvs_then_the_files_then_the_configurations(tmp_path: Path) -> None:
    write_tissue(tmp_path / "told.tif", 1024, mpp=0.25)
    write_tissue(tmp_path / "untold.tif", 1024, mpp=None)
    table = tmp_path / "slides.csv"
    widths = {}
    for name, column, configured in (
        ("told", "", None), ("told", "", 0.4), ("told", "0.5", 0.4), ("untold", "", 0.4), ("untold", "0.125", 0.4),
    ):  # fmt: skip
        table.write_text(f"path,split,mpp\n{name}.tif,train,{column}\n")
        items = SlideImages(entry(table, size=32, mpp=configured)).items()
        widths[name, column, configured] = items[0].width
    assert list(widths.values()) == [64, 64, 32, 40, 128]


def test_a_slide_of_unknown_resolution_is_named_with_the_settings_that_help(tmp_path: Path) -> None:
    write_tissue(tmp_path / "train" / "untold.tif", mpp=None)
    with pytest.raises(UserError, match=r"train/untold\.tif .*datasets\.<this data set>\.mpp.*column mpp of the CSV"):
        SlideImages(entry(tmp_path)).items()
    items = SlideImages(entry(tmp_path, grid_mpp=None)).items()
    assert {(item.width, item.mpp) for item in items} == {(64, None)}


def test_tiles_of_another_resolution_are_resized_from_the_right_level(tmp_path: Path) -> None:
    levels = [
        np.full((side, side, 3), colour, np.uint8) for side, colour in ((512, (200, 90, 150)), (128, (90, 40, 99)))
    ]
    write_slide(tmp_path / "train" / "a.tif", levels, mpp=0.25)
    for mpp, width, colour in ((0.5, 128, (200, 90, 150)), (1.0, 256, (90, 40, 99)), (0.25, 64, (200, 90, 150))):
        images = SlideImages(entry(tmp_path, grid_mpp=mpp))
        items = images.items()
        assert {(item.width, item.mpp) for item in items} == {(width, mpp)}
        assert all((pixels == colour).all() for pixels in images.pixels(items, 1))


def test_slides_that_cannot_be_used_are_one_item_with_their_reason(tmp_path: Path) -> None:
    def one(name: str) -> Path:
        path = tmp_path / name / "train" / "a.tif"
        path.parent.mkdir(parents=True)
        return path

    one("damaged").write_bytes(b"II*\0nothing")
    write_slide(one("empty"), [np.full((512, 512, 3), GLASS, np.uint8)])
    write_tissue(one("small"), 60)
    write_tissue(one("coarse"), mpp=1.0)
    table = one("missing").parent / "slides.csv"
    table.write_text("path,split\nb.tif,train\n")
    reasons = {
        path.name: only_reason(SlideImages(entry(path))) for path in tmp_path.iterdir() if path.name != "missing"
    }
    assert reasons["empty"] == "no tissue found"
    assert reasons["small"] == "smaller than one tile of 64 pixels"
    assert "1 microns per pixel are coarser than the 0.5" in reasons["coarse"]
    assert reasons["damaged"] == "no TIFF that tiffslide can open; no slide that OpenSlide can open"
    assert only_reason(SlideImages(entry(table))) == "file not found"


def test_a_slide_that_vanished_spoils_its_own_tiles(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_tissue(tmp_path / "train" / f"{name}.tif")
    images = SlideImages(entry(tmp_path))
    items = images.items()
    (tmp_path / "train" / "a.tif").unlink()
    found = [isinstance(pixels, BadImage) for pixels in images.pixels(items, 2)]
    assert found == [item.group == "a" for item in items]
    assert set(found) == {True, False}


def test_tissue_is_looked_for_in_several_slides_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcd":
        write_tissue(tmp_path / "train" / f"{name}.tif")
    images = SlideImages(entry(tmp_path))
    alone = images.items()
    both, survey = threading.Barrier(2, timeout=10), images.survey

    def together(name: str) -> Survey:
        both.wait()
        return survey(name)

    monkeypatch.setattr(images, "survey", together)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert images.items() == alone
    assert [item.group for item in alone] == [name for name in "abcd" for _ in range(16)]


@pytest.mark.parametrize("compression", ["zlib", "jpeg"])
def test_threads_and_selections_change_no_pixel(tmp_path: Path, compression: str) -> None:
    for seed in range(2):
        slide = pyramid(tissue_slide(1024, seed))
        write_slide(tmp_path / "train" / f"{seed}.tif", slide, mpp=0.25, tile=128, compression=compression)
    source = entry(tmp_path, grid_mpp=0.4, overlap=0.25, size=96)
    images = SlideImages(source)
    items = images.items()
    assert items == SlideImages(source).items()
    one = np.stack(list(images.pixels(items, 1)))
    assert np.array_equal(one, np.stack(list(images.pixels(items, 4))))
    assert np.array_equal(one[::-3], np.stack(list(images.pixels(items[::-3], 3))))
    assert len(items) > 40


def test_tiles_of_a_wide_slide_are_read_in_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipit.sources.slide_survey._COLUMN", 128)
    write_tissue(tmp_path / "train" / "a.tif")
    assert corners(SlideImages(entry(tmp_path)).items())[:5] == [(0, 0), (64, 0), (0, 64), (64, 64), (0, 128)]


def test_val_is_taken_from_train_slide_by_slide(tmp_path: Path) -> None:
    for split, n in (("train", 6), ("test", 2)):
        for i in range(n):
            write_tissue(tmp_path / split / f"{split}{i}.tif")
    images = SlideImages(entry(tmp_path))
    items = images.items()
    of_group: dict[str, set[str]] = {}
    for item, split in zip(items, images.splits(items), strict=True):
        of_group.setdefault(str(item.group), set()).add(split)
    assert all(len(splits) == 1 for splits in of_group.values())
    found = [next(iter(splits)) for splits in of_group.values()]
    assert {split: found.count(split) for split in SPLITS} == {"train": 3, "val": 3, "test": 2}


def test_slides_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for place in ("train/a", "test/b"):
        write_tissue(tmp_path / place / "1.tif", 64)
    write_tissue(tmp_path / "test" / "b" / "2.tif", 64)
    assert [item.group for item in SlideImages(entry(tmp_path)).items()] == ["test/b/1.tif", "2", "train/a/1.tif"]


def test_class_folders_label_every_tile_weakly(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for label in ("normal", "tumour"):
            write_tissue(tmp_path / split / label / f"{split}_{label}.tif")
    write_tissue(tmp_path / "train" / "unsure.tif")
    images = SlideImages(entry(tmp_path))
    known = images.labels(images.items())
    assert known.weak
    assert known.classes == ["normal", "tumour"]
    assert list(known.of) == [0] * 16 + [1] * 16 + [0] * 16 + [1] * 16 + [None] * 16


def test_a_csv_gives_label_and_group(tmp_path: Path) -> None:
    rows = ["path,split,label,group,centre"]
    for i in range(6):
        write_tissue(tmp_path / "files" / f"{i}.tif", 64)
        rows.append(f"files/{i}.tif,{'test' if i < 2 else 'train'},{'ab'[i % 2]},patient{i // 2},{'north' * (i > 3)}")
    (tmp_path / "slides.csv").write_text("\n".join(rows))
    images = SlideImages(entry(tmp_path / "slides.csv"))
    items = images.items()
    assert [item.group for item in items] == [f"patient{i // 2}" for i in range(6)]
    assert [item.centre for item in items] == [None] * 4 + ["north"] * 2
    assert images.labels(items).of == [0, 1] * 3
    assert sorted(images.splits(items)) == ["test"] * 2 + ["train"] * 2 + ["val"] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,label\na.tif,x\n", "no column 'split'"),
        ("path,split,mpp\na.tif,train,20x\n", "mpp '20x' of slide a.tif is not a positive number"),
        ("path,split,mpp\na.tif,train,0\n", "mpp '0' of slide a.tif"),
        ("path,split,mpp\na.tif,train,nan\n", "mpp 'nan' of slide a.tif"),
        ("path,split\n", r"slides\.csv holds no slide: expected a line a slide$"),
    ],
)
def test_mistakes_in_a_csv(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "slides.csv").write_text(text)
    with pytest.raises(UserError, match=words):
        SlideImages(entry(tmp_path / "slides.csv"))


def test_mistakes_in_labels_and_folders(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        SlideImages(entry(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="holds no slide: expected"):
        SlideImages(entry(tmp_path))
    for place in ("train/a.tif", "train/.hidden/b.tif", "test/c.tif"):
        write_tissue(tmp_path / place, 64)
    images = SlideImages(entry(tmp_path))
    assert len(images.items()) == 2
    with pytest.raises(UserError, match="has no labels: put the slides in class folders"):
        images.labels(images.items())
    for old, new in (("train/a.tif", "train/x/a.tif"), ("test/c.tif", "test/y/c.tif")):
        (tmp_path / new).parent.mkdir()
        (tmp_path / old).rename(tmp_path / new)
    images = SlideImages(entry(tmp_path))
    with pytest.raises(UserError, match="class 'x' has no slide in split 'test'"):
        images.labels(images.items())


def test_drawn_regions_label_tiles_in_place_of_the_slides_class(tmp_path: Path) -> None:
    for name in ("train/tumour/a.tif", "train/tumour/b.tif", "test/tumour/c.tif"):
        write_tissue(tmp_path / "slides" / name)
    outline = [[0, 0], [64, 0], [64, 128], [0, 128], [0, 0]]
    drawn = [("gland", 0), ("duct", 104)]  # by so much the outline is moved to the right
    regions = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[[x + right, y] for x, y in outline]]},
            "properties": {"classification": {"name": name}},
        }
        for name, right in drawn
    ]
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "a.geojson").write_text(json.dumps(regions))
    (tmp_path / "drawn" / "c.xml").write_text(
        "<ASAP_Annotations>"
        + "".join(
            f'<Annotation PartOfGroup="{name}" Type="Polygon"><Coordinates>'
            + "".join(f'<Coordinate Order="{i}" X="{x + right}" Y="{y}"/>' for i, (x, y) in enumerate(outline))
            + "</Coordinates></Annotation>"
            for name, right in drawn
        )
        + "</ASAP_Annotations>"
    )
    images = SlideImages(entry(tmp_path / "slides", annotations=str(tmp_path / "drawn")))
    items = images.items()
    known = images.labels(items)
    assert not known.weak
    assert known.classes == ["duct", "gland"]
    label = dict(zip([item.patch_id for item in items], known.of, strict=True))
    for slide in ("train/tumour/a.tif", "test/tumour/c.tif"):
        assert [label[f"{slide}@{x},64"] for x in (0, 64, 128)] == [1, None, 0]
        assert label[f"{slide}@0,128"] is None
    assert {label[item.patch_id] for item in items if item.group == "b"} == {None}
    assert images.labels(items[::-1]).of == known.of[::-1]


def test_the_example_in_the_documentation_is_a_valid_configuration() -> None:
    project = Path(__file__).parents[2]
    example = (project / "docs" / "slides.md").read_text(encoding="utf-8").split("```yaml\n")[1].partition("```")[0]
    own = yaml.safe_load((project / "config" / "own_data.yaml").read_text(encoding="utf-8"))
    raw = own | {"datasets": own["datasets"] | yaml.safe_load(example)["datasets"]}
    raw["experiments"] = yaml.safe_load(example)["experiments"]
    config = load_config(raw, project / "config" / "catalog.yaml")
    assert isinstance(config.datasets["ward"], SlidesDataset)
