"""NCT-CRC-HE: class folders of 224 px tiles; trained on one archive, tested on another."""

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clipit.runtime.errors import UserError
from clipit.sources.image_files import image_files
from clipit.sources.image_items import read_items
from clipit.sources.image_source import ImageSource, Item, Labels, Patch, R

CLASSES = ("ADI", "BACK", "DEB", "LYM", "MUC", "MUS", "NORM", "STR", "TUM")
TRAIN = ("NCT-CRC-HE-100K", "NCT-CRC-HE-100K-NONORM")
"""The archive with the training tiles, and its twin without stain normalisation."""
TEST = ("CRC-VAL-HE-7K",)

_SIDE = 224  # of every tile, pixels
_VAL_SHARE = 0.2
_SPLIT_SEED = 42


class CrcImages(ImageSource):
    """Reads a `crc` entry of the catalog (config.datasets.CrcDataset). No tile names its patient."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._entry = entry
        self._root = {role: Path(entry["files"][role]) for role in ("train", "test")}
        self._names = {role: _listed(self._root[role], stems) for role, stems in (("train", TRAIN), ("test", TEST))}

    def items(self) -> list[Item]:
        mpp = self._entry["mpp"] * _SIDE / self._entry["size"]
        return [Item(patch_id=name, source=name, mpp=mpp) for names in self._names.values() for name in names]

    def runs(
        self, items: Sequence[Item], threads: int, use: Callable[[int, list[Patch]], R]
    ) -> Generator[R, None, None]:
        return read_items(items, self._path, self._entry["size"], threads, use)

    def _path(self, item: Item) -> Path:
        return self._root["test" if _stem(item) in TEST else "train"] / item.source

    def splits(self, items: Sequence[Item]) -> list[str]:
        from sklearn.model_selection import train_test_split

        names = self._names["train"]
        labels = [name.split("/")[1] for name in names]
        try:
            train, val = train_test_split(names, test_size=_VAL_SHARE, stratify=labels, random_state=_SPLIT_SEED)
        except ValueError as error:
            raise UserError(
                f"{self._root['train']}: {len(names)} tiles are too few to be split class by class: "
                "a class needs two, and a fifth of all tiles one for every class"
            ) from error
        split = dict.fromkeys(train, "train") | dict.fromkeys(val, "val") | dict.fromkeys(self._names["test"], "test")
        return [split[item.source] for item in items]

    def labels(self, items: Sequence[Item]) -> Labels:
        return Labels(list(CLASSES), [CLASSES.index(item.source.split("/")[1]) for item in items])


def _stem(item: Item) -> str:
    return item.source.partition("/")[0]


def _listed(root: Path, stems: Sequence[str]) -> list[str]:
    """The tiles under the one folder of `root` that is named as an archive, sorted by path, relative to `root`.

    Raises:
        UserError: there is no such folder, there are two, or a class is missing.
    """
    found = [root / stem for stem in stems if (root / stem).is_dir()]
    if len(found) != 1:
        wanted = " and ".join(stems)
        raise UserError(f"{root} holds {len(found)} of the folders {wanted}, not one: delete {root} and run again")
    names = []
    for label in CLASSES:
        tiles = image_files(found[0] / label)
        if not tiles:
            raise UserError(f"{found[0]} has no tile of class {label}: delete {root} and run again")
        names += [tile.relative_to(root).as_posix() for tile in tiles]
    return names
