"""Regions drawn in QuPath and ASAP become the labels of the tiles that they cover."""

import json
from pathlib import Path
from typing import Any

import pytest

from clipit.runtime.errors import UserError
from clipit.sources.slide_regions import annotation_files, covering, read_regions

TILES = [(0, 0, 100), (100, 0, 100), (200, 0, 100), (0, 100, 100)]


def ring(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def feature(label: Any, *rings: list[list[float]], kind: str = "Polygon") -> dict[str, Any]:
    coordinates: Any = [list(rings)] if kind == "MultiPolygon" else list(rings)
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": {"objectType": "annotation", "classification": label},
    }


def named(name: str, *rings: list[list[float]], kind: str = "Polygon") -> dict[str, Any]:
    return feature({"name": name, "color": [200, 0, 0]}, *rings, kind=kind)


def geojson(path: Path, *features: dict[str, Any], collection: bool = True) -> Path:
    content: Any = {"type": "FeatureCollection", "features": list(features)} if collection else list(features)
    path.write_text(json.dumps(content))
    return path


def asap(path: Path, *annotations: tuple[str, str, list[list[float]]]) -> Path:
    drawn = ""
    for group, kind, points in annotations:
        places = [f'<Coordinate Order="{i}" X="{x}" Y="{y}"/>' for i, (x, y) in enumerate(points)]
        # The order is an attribute, not the order in the file.
        drawn += f'<Annotation Name="A" Type="{kind}" PartOfGroup="{group}" Color="#F4FA58"><Coordinates>'
        drawn += "".join(places[::-2] + places[-2::-2]) + "</Coordinates></Annotation>"
    path.write_text(f"<?xml version='1.0'?><ASAP_Annotations><Annotations>{drawn}</Annotations></ASAP_Annotations>")
    return path


@pytest.mark.parametrize("collection", [True, False])
def test_a_tile_takes_the_label_that_covers_most_of_it(tmp_path: Path, collection: bool) -> None:
    file = geojson(
        tmp_path / "a.geojson",
        named("tumour", ring(0, 0, 160, 100)),
        named("stroma", ring(160, 0, 300, 100), kind="MultiPolygon"),
        collection=collection,
    )
    regions = read_regions(file)
    assert covering(regions, TILES, 0.5) == ["tumour", "tumour", "stroma", None]
    assert covering(regions, TILES, 0.6) == ["tumour", "tumour", "stroma", None]
    assert covering(regions, TILES, 0.61) == ["tumour", None, "stroma", None]
    assert covering(regions, [], 0.5) == []


def test_holes_do_not_cover_and_overlapping_regions_of_one_label_count_once(tmp_path: Path) -> None:
    holed = geojson(tmp_path / "a.geojson", named("tumour", ring(0, 0, 100, 100), ring(20, 20, 80, 80)))
    assert covering(read_regions(holed), TILES, 0.64) == ["tumour", None, None, None]
    assert covering(read_regions(holed), TILES, 0.65) == [None] * 4
    twice = [named("tumour", ring(0, 0, 40, 100))] * 2
    assert covering(read_regions(geojson(tmp_path / "b.geojson", *twice)), TILES, 0.41) == [None] * 4
    halves = [named("tumour", ring(0, 0, 40, 100)), named("tumour", ring(60, 0, 100, 100))]
    assert covering(read_regions(geojson(tmp_path / "c.geojson", *halves)), TILES, 0.8)[0] == "tumour"


def test_what_has_no_label_or_no_area_is_left_out(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[0, 0], [90, 90]]}
    point = {"type": "Point", "coordinates": [5, 5]}
    file = geojson(
        tmp_path / "a.geojson",
        *({**named("dots", ring(0, 0, 1, 1)), "geometry": geometry} for geometry in (line, point)),
        feature(None, ring(0, 0, 100, 100)),
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring(0, 0, 9, 9)]}, "properties": {}},
        named("Ignore*", ring(0, 0, 100, 100)),
        feature({"names": ["Immune cells", "CD3"]}, ring(0, 0, 100, 100)),
    )
    assert list(read_regions(file)) == ["Immune cells: CD3"]


def test_outlines_that_cross_themselves_are_repaired(tmp_path: Path) -> None:
    bow = [[0, 0], [100, 100], [100, 0], [0, 100], [0, 0]]
    file = geojson(tmp_path / "a.geojson", named("tumour", bow))
    assert read_regions(file)["tumour"].area == pytest.approx(5000)


def test_qupath_counts_from_the_corner_of_the_scanned_area_asap_from_the_slides(tmp_path: Path) -> None:
    square = ring(0, 0, 100, 100)
    moved = read_regions(geojson(tmp_path / "a.geojson", named("tumour", square)), origin=(100, 0))
    assert covering(moved, TILES, 1) == [None, "tumour", None, None]
    fixed = read_regions(asap(tmp_path / "a.xml", ("tumour", "Polygon", square)), origin=(100, 0))
    assert covering(fixed, TILES, 1) == ["tumour", None, None, None]


def test_asap_polygons_are_read_by_group_in_their_order(tmp_path: Path) -> None:
    file = asap(
        tmp_path / "a.xml",
        ("tumour", "Polygon", ring(0, 0, 100, 100)[:4]),
        ("stroma", "Spline", ring(100, 0, 200, 100)[:4]),
        ("stroma", "Rectangle", ring(0, 100, 100, 200)[:4]),
        ("dots", "Dot", [[250, 50]]),
        ("None", "Polygon", ring(200, 0, 300, 100)[:4]),
    )
    assert covering(read_regions(file), TILES, 1) == ["tumour", "stroma", None, "stroma"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.geojson", "{", "not JSON"),
        ("a.geojson", "[" * 100_000, "nested too deeply: export it again"),
        ("a.geojson", '{"features": ' + "[" * 100_000, "nested too deeply"),
        ("a.geojson", "3", "neither a FeatureCollection nor a list"),
        ("a.geojson", '{"type": "Topology"}', "neither a FeatureCollection nor a list"),
        ("a.geojson", '{"features": 7}', "neither a FeatureCollection nor a list"),
        ("a.geojson", "[17]", "feature 1 is malformed"),
        ("a.geojson", json.dumps([named("a", [[0, 0], [1, 1]])]), "feature 1 is malformed"),
        ("a.geojson", json.dumps([named("a", ring(0, 0, float("nan"), 1))]), "feature 1 is malformed"),
        ("a.geojson", json.dumps([{**named("a"), "geometry": None}]), "feature 1 is malformed"),
        ("a.geojson", json.dumps([{**named("a"), "geometry": {"type": "Blob"}}]), "feature 1 is malformed"),
        ("a.xml", "<ASAP_Annotations>", "not XML"),
        ("a.xml", "<Annotations/>", "not of ASAP"),
        ("a.xml", "<!DOCTYPE a><ASAP_Annotations/>", "DOCTYPE"),
        (
            "a.xml",
            '<ASAP_Annotations><Annotation PartOfGroup="a" Type="Polygon"><Coordinates><Coordinate Order="0" X="1"/>'
            "</Coordinates></Annotation></ASAP_Annotations>",
            "annotation 1 is malformed",
        ),
        (
            "a.xml",
            '<ASAP_Annotations><Annotation PartOfGroup="a" Type="Polygon"><Coordinates>'
            '<Coordinate Order="0" X="1" Y="2"/></Coordinates></Annotation></ASAP_Annotations>',
            "annotation 1 is malformed",
        ),
    ],
)
def test_malformed_files_are_told_by_name_in_one_line(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        read_regions(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.geojson").write_bytes(b"\xff\xfe\x00[")
    with pytest.raises(UserError, match=r"a\.geojson"):
        read_regions(tmp_path / "a.geojson")


def test_files_are_found_by_the_slides_name_and_what_is_left_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.geojson", "b.svs.json", "c.xml", "train/d.geojson", "typo.geojson", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    slides = ["train/a.svs", "test/b.svs", "c.tif", "train/d.svs", "test/d.svs"]
    files = annotation_files(tmp_path, slides)
    assert {slide: file.relative_to(tmp_path).as_posix() for slide, file in files.items()} == {
        "train/a.svs": "a.geojson",
        "test/b.svs": "b.svs.json",
        "c.tif": "c.xml",
        "train/d.svs": "train/d.geojson",
    }
    told = capsys.readouterr().err
    assert "left unlabelled (1): test/d.svs" in told
    assert "of no slide with tiles (1): typo.geojson" in told
    assert "notes" not in told


def test_files_that_could_be_of_two_slides_and_slides_with_two_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.geojson").touch()
    with pytest.raises(UserError, match=r"named as two slides, train/a\.svs and test/a\.svs"):
        annotation_files(tmp_path, ["train/a.svs", "test/a.svs"])
    (tmp_path / "a.xml").touch()
    with pytest.raises(UserError, match="two annotation files"):
        annotation_files(tmp_path, ["train/a.svs"])
    with pytest.raises(UserError, match=r"no annotation file named as a slide: expected b\.geojson"):
        annotation_files(tmp_path, ["train/b.svs"])
