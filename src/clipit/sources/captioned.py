"""Own images with captions: a folder and a CSV with the columns image and caption."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clipit.runtime.errors import UserError
from clipit.sources.image_items import read_items
from clipit.sources.image_source import BadImage, ImageSource, Item, Labels


class CaptionedImages(ImageSource):
    """Reads a `captioned` entry of the catalog (config.datasets.CaptionedDataset); every image is a train image."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._root, self._size, table = Path(entry["path"]), entry["size"], Path(entry["captions"])
        for path in (self._root, table):
            if not path.exists():
                raise UserError(
                    f"captioned data set: {path} does not exist: set its path in the config's datasets section"
                )
        with open(table, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"image", "caption"} - set(reader.fieldnames or [])
            if missing:
                raise UserError(f"{table} has no column {sorted(missing)[0]!r}: it needs image and caption")
            self._captions = {row["image"].strip(): (row["caption"] or "").strip() for row in reader}
        empty = [image for image, caption in self._captions.items() if not caption]
        if empty or not self._captions:
            raise UserError(f"{table}: {f'image {empty[0]!r} has no caption' if empty else 'no row'}")

    def items(self) -> list[Item]:
        return [Item(patch_id=image, source=image) for image in sorted(self._captions)]

    def pixels(self, items: Sequence[Item], threads: int) -> Iterator[np.ndarray | BadImage]:
        return read_items(items, lambda item: self._root / item.source, self._size, threads)

    def splits(self, items: Sequence[Item]) -> list[str]:
        return ["train"] * len(items)

    def labels(self, items: Sequence[Item]) -> Labels:
        return Labels([], [None] * len(items))

    def captions(self, items: Sequence[Item]) -> list[str]:
        return [self._captions[item.source] for item in items]
