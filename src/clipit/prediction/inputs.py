"""What is to be classified: image files, folders, CSVs, patch stores and whole slides, one patch after the other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.tables import read_table
from clipit.runtime.errors import UserError
from clipit.sources.image_files import SUFFIXES, image_size, visible_files
from clipit.sources.image_items import read_items
from clipit.sources.image_source import BadImage, Item, Patch
from clipit.sources.in_order import in_order
from clipit.sources.listing import read_listing
from clipit.sources.slide_files import SLIDE_SUFFIXES
from clipit.sources.slide_image import Slide
from clipit.sources.slide_survey import Survey, survey

Run = tuple[Sequence[Item], Sequence[Patch]]
"""A few items and the patch of each, or why there is none."""

_AT_A_TIME = 64
_MIN_TISSUE = 0.5
"""Share of a tile that must be tissue, as tiling has it by default."""


@dataclass(frozen=True)
class Inputs:
    """What was found at the given paths, each named as it was given."""

    images: list[Path]
    stores: list[Path]
    slides: list[Path]


def find_inputs(paths: Sequence[str | Path]) -> Inputs:
    """Sorts `paths` by what they are; folders are searched, a CSV names images (or slides) in its column `path`.

    Raises:
        UserError: one does not exist or is of no kind that is read, or there is nothing in it.
    """
    found = Inputs([], [], [])
    for given in map(Path, paths):
        before = sum(map(len, (found.images, found.stores, found.slides)))
        _find(given, found)
        if sum(map(len, (found.images, found.stores, found.slides))) == before:
            raise UserError(f"{given} holds no image and no slide ({', '.join(sorted({*SUFFIXES, *SLIDE_SUFFIXES}))})")
    return found


def _find(path: Path, found: Inputs) -> None:
    if path.is_dir() and (path / "zarr.json").is_file():
        found.stores.append(path)
    elif path.is_dir():
        for file in sorted(visible_files(path)):
            if file.suffix.lower() in (*SUFFIXES, *SLIDE_SUFFIXES):
                _sort(file, found)
    elif path.suffix.lower() == ".csv" and path.is_file():
        for row in read_listing(path, ["path"]):
            _sort(path.parent / row["path"], found)
    elif path.is_file():
        _sort(path, found)
    else:
        raise UserError(f"{path} does not exist: name an image, a folder, a CSV, a patch store or a slide")


def _sort(file: Path, found: Inputs) -> None:
    (found.slides if _is_slide(file) else found.images).append(file)


def _is_slide(file: Path) -> bool:
    """By its suffix; a TIFF by whether it is too large, or of too many sizes, to be read as one image."""
    if file.suffix.lower() not in SUFFIXES:
        return True
    if file.suffix.lower() not in SLIDE_SUFFIXES:
        return False
    try:
        image_size(file)
    except BadImage as reason:
        return "source: slides" in str(reason)
    return False


def image_patches(files: Sequence[Path], size: int, threads: int) -> Iterator[Run]:
    """The centre of each image file as a patch of `size` pixels, as tiling makes it."""
    items = [Item(str(file), str(file)) for file in files]
    runs = read_items(items, lambda item: Path(item.source), size, threads, lambda first, patches: (first, patches))
    for first, patches in runs:
        yield items[first : first + len(patches)], patches


def store_patches(store: Path) -> Iterator[Run]:
    """The patches of a store as they are stored; named by the table beside it, where there is one, else by row."""
    stored = _named(store)
    opened = PatchStore(store, sealed=stored is not None)  # another program's needs no sentinel
    n = len(opened) if stored is None else len(stored)
    for start in range(0, n, _AT_A_TIME):
        stop = min(start + _AT_A_TIME, n)
        if stored is None:
            rows, items = np.arange(start, stop), [Item(str(row), str(store)) for row in range(start, stop)]
        else:
            part = stored.slice(start, stop - start).to_pylist()
            rows = np.array([row["index"] for row in part])
            items = [Item(row["patch_id"], row["source"], x=row["x"], y=row["y"], width=row["width"]) for row in part]
        yield items, list(opened.batch(rows))


def store_length(store: Path) -> int:
    """How many patches `store_patches` gives."""
    stored = _named(store)
    return len(PatchStore(store, sealed=False)) if stored is None else len(stored)


def _named(store: Path) -> pa.Table | None:
    table = store.parent / "patches.parquet"
    return read_table(table, patches_schema.SCHEMA).table if table.is_file() else None


def survey_slide(slide: Slide, size: int, mpp: float | None) -> Survey:
    """Its tissue, and the tiles on it of `size` pixels at `mpp` microns each (None: the slide's own).

    Raises:
        BadImage: it has no tissue, is too coarse or too small, or does not say its resolution.
    """
    if mpp is not None and slide.mpp is None:
        raise BadImage("does not say its resolution, so tiles of the model's cannot be cut")
    entry: Mapping[str, Any] = {"grid": {"mpp": mpp, "overlap": 0.0}, "size": size, "min_tissue": _MIN_TISSUE}
    return survey(slide, slide.mpp, entry)


def slide_patches(slide: Slide, file: Path, surveyed: Survey, size: int, threads: int) -> Iterator[Run]:
    """The tiles of an open slide."""
    items = [Item(f"{file}@{x},{y}", str(file), x=x, y=y, width=width) for x, y, width in surveyed.tiles]

    def read(start: int) -> Run:
        run = items[start : start + _AT_A_TIME]
        return run, [_square(slide, item, size) for item in run]

    return in_order(read, range(0, len(items), _AT_A_TIME), threads)


def _square(slide: Slide, item: Item, size: int) -> Patch:
    try:
        return slide.square(item.x, item.y, item.width, size)
    except BadImage as reason:
        return reason
