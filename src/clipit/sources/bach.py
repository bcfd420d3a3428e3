"""BACH: 400 photographs of breast tissue, a hundred of each class."""

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clipit.runtime.errors import UserError
from clipit.sources.image_files import image_files
from clipit.sources.image_items import image_items, read_items
from clipit.sources.image_source import ImageSource, Item, Labels, Patch, R

CLASSES = ("Benign", "InSitu", "Invasive", "Normal")

_PER_CLASS = 100
_PHOTOS = Path("ICIAR2018_BACH_Challenge", "Photos")
# Half-open ranges over the photographs sorted by path. Those of eva keep the patients that are known out of two splits.
_NOT_TEST = ((0, 41), (59, 60), (90, 139), (169, 240), (258, 260), (273, 345), (368, 400))
# The validation set that the benchmark THUNDER takes out of them.
_FAIR_VAL = ((15, 25), (110, 120), (200, 210), (305, 315), (380, 390))
_RELEASED_EVERY = 20  # in the authors' code every 20th of those that are not test is validation


class BachImages(ImageSource):
    """Reads a `bach` entry of the catalog (config.datasets.BachDataset)."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._entry, self._root = entry, Path(entry["files"]["photos"])
        self._names = _listed(self._root)

    def items(self) -> list[Item]:
        files = [(name, None) for name in self._names]
        return image_items(
            self._root, files, size=self._entry["size"], mpp=self._entry["mpp"], grid=self._entry["grid"]
        )

    def runs(
        self, items: Sequence[Item], threads: int, use: Callable[[int, list[Patch]], R]
    ) -> Generator[R, None, None]:
        return read_items(items, lambda item: self._root / item.source, self._entry["size"], threads, use)

    def splits(self, items: Sequence[Item]) -> list[str]:
        split = dict(zip(self._names, split_of_rows(self._entry["split"]), strict=True))
        return [split[item.source] for item in items]

    def labels(self, items: Sequence[Item]) -> Labels:
        return Labels(list(CLASSES), [CLASSES.index(Path(item.source).parent.name) for item in items])


def split_of_rows(split: str) -> list[str]:
    """The split of each photograph, sorted by path: `fair` gives 218, 50 and 132, `released` 254, 14 and 132."""
    learning = _within(_NOT_TEST)
    val = _within(_FAIR_VAL) if split == "fair" else learning[::_RELEASED_EVERY]
    of_row = dict.fromkeys(range(len(CLASSES) * _PER_CLASS), "test")
    return list((of_row | dict.fromkeys(learning, "train") | dict.fromkeys(val, "val")).values())


def _within(ranges: Sequence[tuple[int, int]]) -> list[int]:
    return [row for start, stop in ranges for row in range(start, stop)]


def _listed(root: Path) -> list[str]:
    """The photographs, sorted by path, relative to `root`.

    Raises:
        UserError: a class has not its hundred photographs; the published splits are numbers in their order.
    """
    names = []
    for label in CLASSES:
        photos = [path for path in image_files(root / _PHOTOS / label) if path.suffix.lower() == ".tif"]
        if len(photos) != _PER_CLASS:
            raise UserError(
                f"{root / _PHOTOS / label} holds {len(photos)} .tif files, not {_PER_CLASS}: the splits are defined "
                f"for all of BACH; delete {root} and run again, or use other images as source: folder"
            )
        names += [path.relative_to(root).as_posix() for path in photos]
    return names
