"""Own images: split/class/ folders, or a CSV of path, label, split, group."""

import csv
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clipit.runtime.errors import UserError
from clipit.sources.image_files import image_files, read_squares
from clipit.sources.image_source import BadImage, ImageSource, Item, Labels


class FolderImages(ImageSource):
    """Reads a `folder` entry of the catalog (config.datasets.FolderDataset)."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._entry = entry
        path = Path(entry["path"])
        if not path.exists():
            raise UserError(f"data set folder {path} does not exist: set its path in the config's datasets section")
        if path.is_file():
            self._root, self._rows = path.parent, _read_csv(path)
        else:
            self._root, self._rows = path, _read_folders(path, entry["splits"])
        if not self._rows:
            raise UserError(f"{path} holds no image: expected {path}/train/<class>/*.jpg (or .png, .tif)")
        self._row = {row["path"]: row for row in self._rows}

    def items(self) -> list[Item]:
        return [
            Item(patch_id=row["path"], source=row["path"], group=row["group"] or None, mpp=self._entry["mpp"])
            for row in self._rows
        ]

    def pixels(self, items: Sequence[Item], threads: int) -> Iterator[np.ndarray | BadImage]:
        return read_squares((self._root / item.source for item in items), self._entry["size"], threads)

    def splits(self, items: Sequence[Item]) -> list[str]:
        given = {row["path"]: row["split"] for row in self._rows}
        found = set(given.values())
        for split in ("train", "test"):
            if split not in found:
                raise UserError(
                    f"{self._entry['path']} has no {split} images: name the {split} folder (or split column)"
                )
        if "val" not in found:
            groups = {row["path"]: row["group"] or row["path"] for row in self._rows if row["split"] == "train"}
            held = held_out(groups.values(), self._entry["val_share"], self._entry["split_seed"])
            given |= {path: "val" for path, group in groups.items() if group in held}
        return [given[item.source] for item in items]

    def labels(self, items: Sequence[Item]) -> Labels:
        classes = sorted({row["label"] for row in self._rows if row["label"]})
        index = {name: i for i, name in enumerate(classes)}
        return Labels(classes, [index.get(self._row[item.source]["label"]) for item in items])


def held_out(groups: Iterable[str], share: float, seed: int) -> set[str]:
    """A share of the distinct groups, chosen by hash, so that one more group moves few of the others."""

    def fate(group: str) -> float:
        return int(hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()[:12], 16) / 16**12

    distinct = sorted(set(groups), key=fate)
    return set(distinct[: max(1, round(share * len(distinct)))])


def _read_folders(root: Path, splits: Mapping[str, str]) -> list[dict[str, str]]:
    rows = []
    for split, name in splits.items():
        if not (root / name).is_dir():
            continue
        per_class: dict[str, int] = defaultdict(int)
        for folder in sorted(p for p in (root / name).iterdir() if p.is_dir() and not p.name.startswith(".")):
            for path in image_files(folder):
                rows.append(
                    {"path": path.relative_to(root).as_posix(), "label": folder.name, "split": split, "group": ""}
                )
                per_class[folder.name] += 1
            if not per_class[folder.name]:
                raise UserError(f"class folder {folder} holds no image: add images or remove the folder")
    known = set(splits.values())
    others = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(".") and p.name not in known)
    if others and rows:
        print(f"{root}: not a split, left out: {', '.join(others)}", file=sys.stderr)
    _same_classes(root, rows)
    return rows


def _same_classes(root: Path, rows: list[dict[str, str]]) -> None:
    """A class that only some splits have cannot be learnt or cannot be tested."""
    of_split: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        of_split[row["split"]].add(row["label"])
    if not of_split["train"]:
        raise UserError(f"{root} has no labelled train image: name the train folder (or the split and label columns)")
    for split, classes in of_split.items():
        missing = of_split["train"] - classes if split != "train" else set().union(*of_split.values()) - classes
        if missing:
            raise UserError(
                f"{root}: class {sorted(missing)[0]!r} has no image in split {split!r}: add images or remove the class"
            )


def _read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = {"path", "label", "split"} - set(reader.fieldnames or [])
        if missing:
            raise UserError(
                f"{path} has no column {sorted(missing)[0]!r}: it needs path, label, split (and group, if known)"
            )
        rows = [{key: (row.get(key) or "").strip() for key in ("path", "label", "split", "group")} for row in reader]
    seen: set[str] = set()
    for line, row in enumerate(rows, start=2):
        if row["split"] not in ("train", "val", "test"):
            raise UserError(f"{path}, line {line}: split {row['split']!r} is not train, val or test")
        if not row["path"] or row["path"] in seen:
            raise UserError(f"{path}, line {line}: path {row['path']!r} is {'there twice' if row['path'] else 'empty'}")
        seen.add(row["path"])
    _same_classes(path, [row for row in rows if row["label"]])
    return sorted(rows, key=lambda row: row["path"])
