"""Regions that a pathologist drew on a slide, from QuPath (GeoJSON) or ASAP (XML), and the tiles that they cover."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from clipit.runtime.errors import UserError
from clipit.sources.image_files import visible_files
from clipit.sources.xml_text import parse_xml

SUFFIXES = (".geojson", ".json", ".xml")
_AREAS = {"polygon", "spline", "rectangle"}  # of ASAP's annotations; dots and point sets cover nothing

Regions = Mapping[str, BaseGeometry]
"""All that is called by one label, as one valid geometry in level-0 pixels."""


def annotation_files(folder: Path, slides: Sequence[str]) -> dict[str, Path]:
    """The annotation file of each slide that has one, told on stderr where slides or files are without the other.

    It is named as the slide, with or without the slide's suffix, and lies in `folder` itself or where the slide lies in
    the data set: `a.geojson`, `a.svs.geojson` or `train/tumour/a.geojson` for `train/tumour/a.svs`.

    Raises:
        UserError: there is none at all, or it is not clear which file belongs to which slide.
    """
    files: dict[str, Path] = {}
    slide_of: dict[Path, str] = {}
    for slide in slides:
        path = Path(slide)
        names = [f"{name}{suffix}" for name in dict.fromkeys((path.stem, path.name)) for suffix in SUFFIXES]
        places = dict.fromkeys((folder / path.parent, folder))
        found = [place / name for place in places for name in names if (place / name).is_file()]
        if len(found) > 1:
            raise UserError(f"slide {slide} has two annotation files, {found[0]} and {found[1]}: remove one")
        if found:
            files[slide] = found[0]
            other = slide_of.setdefault(found[0], slide)
            if other != slide:
                raise UserError(
                    f"annotation file {found[0]} is named as two slides, {other} and {slide}: put the files of each "
                    "into folders as the slides lie"
                )
    if slides and not files:
        raise UserError(f"{folder} has no annotation file named as a slide: expected {Path(slides[0]).stem}.geojson")
    _tell(f"{folder}: slides without an annotation file, left unlabelled", [s for s in slides if s not in files])
    others = (
        path for path in sorted(visible_files(folder)) if path.suffix.lower() in SUFFIXES and path not in slide_of
    )
    _tell(f"{folder}: annotation files of no slide with tiles", [str(path.relative_to(folder)) for path in others])
    return files


def _tell(what: str, names: Sequence[str]) -> None:
    if names:
        print(f"{what} ({len(names)}): {', '.join(names[:3])}{', ...' * (len(names) > 3)}", file=sys.stderr)


def read_regions(path: Path, origin: tuple[int, int] = (0, 0)) -> Regions:
    """The regions in an annotation file, by label.

    What has no label, or one that ends in `*` (by which QuPath marks what is to be ignored), and points and lines are
    left out. Outlines that cross themselves are repaired.

    Args:
        path: the file.
        origin: corner of the scanned area in level-0 pixels, which QuPath counts from; ASAP counts from the slide's.

    Raises:
        UserError: the file is malformed.
    """
    areas = defaultdict(list)
    try:
        for label, area in _asap(path) if path.suffix.lower() == ".xml" else _geojson(path, origin):
            areas[label].append(_valid(area))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check the annotations folder") from error
    except ValueError as error:
        raise UserError(f"{path}: {error}: export it again, or remove it") from error
    except RecursionError as error:
        raise UserError(f"{path}: it is nested too deeply: export it again, or remove it") from error
    return {label: shapely.union_all(drawn) for label, drawn in sorted(areas.items())}


def _valid(area: BaseGeometry) -> BaseGeometry:
    """The polygons of `area`, repaired; repairs can leave lines, which cover nothing."""
    parts = shapely.get_parts(shapely.make_valid(area))
    return shapely.union_all([part for part in parts if shapely.get_dimensions(part) == 2])


def _finite(area: BaseGeometry) -> BaseGeometry:
    if not np.isfinite(shapely.get_coordinates(area)).all():
        raise ValueError("a coordinate is not a number")
    return area


def _geojson(path: Path, origin: tuple[int, int]) -> Iterator[tuple[str, BaseGeometry]]:
    try:
        document = json.loads(path.read_bytes())
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error})") from error
    if isinstance(document, dict):
        document = document.get("features", [document] if document.get("type") == "Feature" else None)
    if not isinstance(document, list):
        raise ValueError("it holds neither a FeatureCollection nor a list of features")
    for number, feature in enumerate(document, start=1):
        try:
            label = _class_name((feature.get("properties") or {}).get("classification") or {})
            if label:
                with np.errstate(invalid="ignore"):
                    area = _finite(shape(feature["geometry"]))
                if shapely.get_dimensions(area) == 2:
                    yield label, shapely.transform(area, lambda points: points + origin)
        except (AttributeError, KeyError, TypeError, IndexError, ValueError, shapely.errors.ShapelyError) as error:
            raise ValueError(f"feature {number} is malformed ({type(error).__name__}: {error})") from error


def _class_name(classification: Mapping[str, Any]) -> str | None:
    """QuPath's class: `name`, or `names` where it is derived from others."""
    name = classification.get("name") or ": ".join(classification.get("names", ()))
    return _label(name)


def _label(name: str | None) -> str | None:
    name = (name or "").strip()
    return None if not name or name.endswith("*") else name


def _asap(path: Path) -> Iterator[tuple[str, BaseGeometry]]:
    root = parse_xml(path.read_bytes())
    if root.tag != "ASAP_Annotations":
        raise ValueError(f"it is not of ASAP: its root is {root.tag}")
    for number, annotation in enumerate(root.iter("Annotation"), start=1):
        label = _label(annotation.get("PartOfGroup"))
        if label in (None, "None") or annotation.get("Type", "Polygon").lower() not in _AREAS:
            continue
        try:
            places = sorted(annotation.iter("Coordinate"), key=lambda place: float(place.attrib["Order"]))
            points = [(float(place.attrib["X"]), float(place.attrib["Y"])) for place in places]
            yield label, _finite(shapely.Polygon(points))
        except (KeyError, ValueError) as error:
            raise ValueError(f"annotation {number} is malformed ({type(error).__name__}: {error})") from error


def covering(regions: Regions, tiles: Sequence[tuple[int, int, int]], min_cover: float) -> list[str | None]:
    """The label of each tile, (x, y, width) in level-0 pixels: the one that covers most of it, the first of equals.

    None where it covers less than `min_cover` of the tile, or nothing.
    """
    if not regions or not tiles:
        return [None] * len(tiles)
    x, y, width = np.asarray(tiles, dtype=np.float64).T
    squares = shapely.box(x, y, x + width, y + width)
    areas = np.zeros((len(regions), len(tiles)))
    for row, area in zip(areas, regions.values(), strict=True):
        # The parts of a valid geometry do not overlap, so what they share with a tile adds up.
        parts = shapely.get_parts(area)
        tile, part = shapely.STRtree(parts).query(squares, predicate="intersects")
        shapely.prepare(parts)
        whole = shapely.contains_properly(parts[part], squares[tile])
        np.add.at(row, tile[whole], width[tile[whole]] ** 2)
        cut, by = tile[~whole], part[~whole]
        np.add.at(row, cut, shapely.area(shapely.intersection(squares[cut], parts[by])))
    labels, best, share = list(regions), areas.argmax(axis=0), areas.max(axis=0) / np.maximum(width, 1) ** 2
    enough = (share > 0) & (share.round(9) >= min_cover)
    return [labels[i] if ok else None for i, ok in zip(best, enough, strict=True)]
