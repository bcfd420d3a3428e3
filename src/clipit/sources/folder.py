"""Own images: split/class/ folders, class/ folders, or a CSV of path, label, split, group, centre."""

import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from clipit.runtime.errors import UserError
from clipit.sources.drawn_splits import all_test, drawn_splits, with_val
from clipit.sources.image_files import image_files, visible_files
from clipit.sources.image_items import image_items, read_items
from clipit.sources.image_source import ImageSource, Item, Labels, Patch, R
from clipit.sources.listing import check_classes, read_listing, utf8_name

# Folders that hold splits, not classes.
_SPLIT_NAMES = {"train", "training", "val", "valid", "validation", "test", "testing"}


@dataclass(frozen=True, slots=True)
class _File:
    """An image as the user lists it; `split` None where it is to be drawn, the others None where unknown."""

    path: str
    label: str | None
    split: str | None
    group: str | None = None
    centre: str | None = None


class FolderImages(ImageSource):
    """Reads a `folder` entry of the catalog (config.datasets.FolderDataset)."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._entry, self._path = entry, Path(entry["path"])
        if not self._path.exists():
            raise UserError(
                f"data set folder {self._path} does not exist: set its path in the config's datasets section"
            )
        self._root = self._path.parent if self._path.is_file() else self._path

    @cached_property
    def _files(self) -> dict[str, _File]:
        """The images by path."""
        if self._path.is_file():
            files = _read_csv(self._path)
        elif self._entry["splits"] is None:
            files = _read_classes(self._path)
        else:
            files = _read_splits(self._path, self._entry["splits"])
        return {file.path: file for file in files}

    def items(self) -> list[Item]:
        if self._path.is_dir():
            self._tell_what_is_left_out()
        items = image_items(
            self._root,
            [(file.path, file.group) for file in self._files.values()],
            size=self._entry["size"],
            mpp=self._entry["mpp"],
            grid=self._entry["grid"],
        )
        centres = {file.path: file.centre for file in self._files.values() if file.centre}
        return [replace(item, centre=centres.get(item.source)) for item in items] if centres else items

    def _tell_what_is_left_out(self) -> None:
        paths = (path.relative_to(self._root) for path in visible_files(self._root))
        others = Counter(path.suffix.lower() or path.name for path in paths if path.as_posix() not in self._files)
        if others:
            counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(others.items()))
            where = "class folders" if self._entry["splits"] is None else "class folders of the splits"
            print(f"{self._root}: files left out: {counts} (images are read from the {where} alone)", file=sys.stderr)

    def runs(
        self, items: Sequence[Item], threads: int, use: Callable[[int, list[Patch]], R]
    ) -> Generator[R, None, None]:
        return read_items(items, lambda item: self._root / item.source, self._entry["size"], threads, use)

    def splits(self, items: Sequence[Item]) -> list[str]:
        files, entry = self._files.values(), self._entry
        given = {file.path: file.split for file in files if file.split}
        if given:
            groups = {file.path: file.group or file.path for file in files}
            split = with_val(given, groups, entry["val_share"], entry["split_seed"], entry["path"])
        else:
            labels = {file.path: file.label or "" for file in files}
            split = drawn_splits(labels, entry["test_share"], entry["val_share"], entry["split_seed"], entry["path"])
        return [split[item.source] for item in items]

    @property
    def classes(self) -> list[str]:
        """The names of the classes, by what is listed."""
        return sorted({file.label for file in self._files.values() if file.label})

    def labels(self, items: Sequence[Item]) -> Labels:
        index: dict[str | None, int] = {name: i for i, name in enumerate(self.classes)}
        return Labels(self.classes, [index.get(self._files[item.source].label) for item in items])


def _read_splits(root: Path, splits: Mapping[str, str]) -> list[_File]:
    """The images in `root`/split/class/."""
    files = [
        file for split, name in splits.items() if (root / name).is_dir() for file in _read_classes_of(root, name, split)
    ]
    if not files:
        raise UserError(
            f"{root} holds no image in {' or '.join(f'{name}/<class>/' for name in splits.values())}: name its split "
            "folders under splits, or set splits to null if it holds the class folders and the splits are to be drawn"
        )
    _same_classes(root, files)
    return files


def _read_classes(root: Path) -> list[_File]:
    """The images in `root`/class/, of no split yet."""
    files = _read_classes_of(root, ".", None)
    if not files:
        raise UserError(f"{root} holds no image in class folders: expected {root}/<class>/*.jpg (or .png, .tif)")
    named = sorted({file.label or "" for file in files if (file.label or "").lower() in _SPLIT_NAMES})
    if named:
        raise UserError(
            f"{root} holds {' and '.join(named)}, which look like splits, not classes: leave out splits: null, or "
            "rename them if they are classes"
        )
    return files


def _read_classes_of(root: Path, name: str, split: str | None) -> list[_File]:
    files = []
    for folder in sorted(p for p in (root / name).iterdir() if p.is_dir() and not p.name.startswith(".")):
        images = image_files(folder)
        if not images:
            raise UserError(f"class folder {folder} holds no image: add images or remove the folder")
        files += [_File(utf8_name(path.relative_to(root)), folder.name, split) for path in images]
    return files


def _same_classes(where: Path, files: Sequence[_File]) -> None:
    if not all_test(file.split for file in files):
        check_classes(where, ((file.split, file.label) for file in files if file.split and file.label), "image")


def _read_csv(path: Path) -> list[_File]:
    rows = read_listing(path, ("path", "label", "split"), ("group", "centre"))
    files = [
        _File(row["path"], row["label"] or None, row["split"], row["group"] or None, row["centre"] or None)
        for row in rows
    ]
    _same_classes(path, files)
    return files
