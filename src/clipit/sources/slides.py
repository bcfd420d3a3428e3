"""Whole slides, cut into tiles of one resolution where there is tissue."""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipit.runtime.cores import usable_cores
from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress
from clipit.sources.drawn_splits import all_test, with_val
from clipit.sources.image_source import BadImage, ImageSource, Item, Labels, Patch, R
from clipit.sources.in_order import in_order
from clipit.sources.listing import check_classes
from clipit.sources.slide_files import SlideFile, list_slides
from clipit.sources.slide_image import Slide, open_slide

if TYPE_CHECKING:
    from clipit.sources.slide_regions import Regions
    from clipit.sources.slide_survey import Survey

# Bytes of patches that a thread reads at a time: enough to make handing them over cheap.
_AT_A_TIME = 2_000_000
_SURVEYORS = 4  # threads that look for tissue, as many as the rule index_dataset asks for


class SlideImages(ImageSource):
    """Reads a `slides` entry of the catalog (config.datasets.SlidesDataset).

    A slide that cannot be used is one item of width 0, whose pixels are the reason.
    """

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._entry = entry
        path = Path(entry["path"])
        self._root = path.parent if path.is_file() else path
        self._slides = {slide.path: slide for slide in list_slides(path, entry["splits"])}

    def items(self) -> list[Item]:
        found = []
        with Progress("find tissue", len(self._slides), "slides") as progress:
            for tiles in in_order(self._items_of, self._slides.values(), min(_SURVEYORS, usable_cores())):
                found += tiles
                progress.advance(tiles=len(found))
        return found

    def _items_of(self, listed: SlideFile) -> list[Item]:
        try:
            found = self.survey(listed.path)
        except BadImage:
            return [Item(listed.path, listed.path, listed.group, centre=listed.centre)]
        return [
            Item(f"{listed.path}@{x},{y}", listed.path, listed.group, x, y, width, found.stored_mpp, listed.centre)
            for x, y, width in found.tiles
        ]

    def names(self) -> list[str]:
        """Every slide, by its path relative to the data set."""
        return list(self._slides)

    def survey(self, name: str) -> "Survey":
        """The tissue and the tiles of one slide.

        Raises:
            BadImage: it cannot be used.
            UserError: its resolution is unknown.
        """
        from clipit.sources.slide_survey import survey

        with self._opened(name) as slide:
            mpp = self._slides[name].mpp or slide.mpp or self._entry["mpp"]
            if mpp is None and self._entry["grid"]["mpp"]:
                raise UserError(
                    f"slide {name} does not say its resolution: give its microns per pixel as "
                    "datasets.<this data set>.mpp, or in a column mpp of the CSV"
                )
            return survey(slide, mpp, self._entry)

    def runs(
        self, items: Sequence[Item], threads: int, use: Callable[[int, list[Patch]], R]
    ) -> Generator[R, None, None]:
        first = 0
        for name, group in groupby(items, key=lambda item: item.source):
            tiles = list(group)
            yield from self._runs_of(name, first, tiles, threads, use)
            first += len(tiles)

    def _runs_of(
        self, name: str, first: int, tiles: Sequence[Item], threads: int, use: Callable[[int, list[Patch]], R]
    ) -> Generator[R, None, None]:
        """The runs of one slide, whose first tile is at place `first`."""
        if not tiles[0].width:
            yield use(first, [self._why_unusable(name)])
            return
        with ExitStack() as opened:
            try:
                slide = opened.enter_context(self._opened(name))
            except BadImage as reason:
                yield use(first, [reason] * len(tiles))
                return
            size = self._entry["size"]
            # Several tiles at a time, since neighbours are in the same pieces of the file.
            length = max(1, _AT_A_TIME // (size * size * 3))

            def read(start: int) -> R:
                run = tiles[start : start + length]
                return use(first + start, [_square(slide, item, size) for item in run])

            yield from in_order(read, range(0, len(tiles), length), threads)

    def _why_unusable(self, name: str) -> BadImage:
        try:
            self.survey(name)
        except BadImage as reason:
            return reason
        return BadImage("changed since it was listed: run snakemake again")

    @contextmanager
    def _opened(self, name: str) -> Iterator[Slide]:
        slide = open_slide(self._root / name)
        try:
            yield slide
        finally:
            slide.close()

    def splits(self, items: Sequence[Item]) -> list[str]:
        given = {slide.path: slide.split for slide in self._slides.values()}
        groups = {slide.path: slide.group for slide in self._slides.values()}
        split = with_val(given, groups, self._entry["val_share"], self._entry["split_seed"], self._entry["path"])
        return [split[item.source] for item in items]

    def labels(self, items: Sequence[Item]) -> Labels:
        if self._entry["annotations"]:
            return self._drawn_labels(items, Path(self._entry["annotations"]))
        labelled = {slide.path: slide.label for slide in self._slides.values() if slide.label}
        if not labelled:
            raise UserError(
                f"{self._entry['path']} has no labels: put the slides in class folders, fill a column label of the "
                "CSV, or name a folder of annotations"
            )
        if not all_test(slide.split for slide in self._slides.values()):
            listed = ((self._slides[name].split, labelled[name]) for name in labelled)
            check_classes(self._entry["path"], listed, "slide")
        return _numbered([labelled.get(item.source) for item in items], weak=True)

    def _drawn_labels(self, items: Sequence[Item], folder: Path) -> Labels:
        """The label of the regions that cover a tile."""
        from clipit.sources.slide_regions import annotation_files, covering

        tiles_of: dict[str, list[Item]] = defaultdict(list)
        for item in items:
            tiles_of[item.source].append(item)
        files = annotation_files(folder, list(tiles_of))
        label_of: dict[str, str | None] = {}
        for name, file in files.items():
            tiles, regions = tiles_of[name], self._regions(file, name)
            labels = covering(regions, [(tile.x, tile.y, tile.width) for tile in tiles], self._entry["min_cover"])
            label_of |= dict(zip((tile.patch_id for tile in tiles), labels, strict=True))
        return _numbered([label_of.get(item.patch_id) for item in items])

    def _regions(self, file: Path, name: str) -> "Regions":
        from clipit.sources.slide_regions import read_regions

        try:
            with self._opened(name) as slide:
                return read_regions(file, slide.origin)
        except BadImage as reason:
            raise UserError(f"slide {name} can no longer be read ({reason}): run snakemake again") from reason


def _square(slide: Slide, item: Item, size: int) -> Patch:
    try:
        return slide.square(item.x, item.y, item.width, size)
    except BadImage as reason:
        return reason


def _numbered(labels: Sequence[str | None], *, weak: bool = False) -> Labels:
    """Labels by number, of the classes that occur."""
    classes = sorted({label for label in labels if label is not None})
    index = {name: number for number, name in enumerate(classes)}
    return Labels(classes, [None if label is None else index[label] for label in labels], weak)
