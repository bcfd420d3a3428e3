"""Own images with captions: a folder and a CSV with the columns image and caption."""

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clipit.runtime.errors import UserError
from clipit.sources.image_items import read_items
from clipit.sources.image_source import ImageSource, Item, Labels, Patch, R
from clipit.sources.listing import read_listing


class CaptionedImages(ImageSource):
    """Reads a `captioned` entry of the catalog (config.datasets.CaptionedDataset); every image is a train image."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self._root, self._size, table = Path(entry["path"]), entry["size"], Path(entry["captions"])
        for path in (self._root, table):
            if not path.exists():
                raise UserError(
                    f"captioned data set: {path} does not exist: set its path in the config's datasets section"
                )
        self._captions = {row["image"]: row["caption"] for row in read_listing(table, ("image", "caption"))}
        empty = [image for image, caption in self._captions.items() if not caption]
        if empty:
            raise UserError(f"{table}: image {empty[0]!r} has no caption: give it one, or remove the line")
        if not self._captions:
            raise UserError(f"{table} holds no image: add a line an image below its header")

    def items(self) -> list[Item]:
        return [Item(patch_id=image, source=image) for image in self._captions]

    def runs(
        self, items: Sequence[Item], threads: int, use: Callable[[int, list[Patch]], R]
    ) -> Generator[R, None, None]:
        return read_items(items, lambda item: self._root / item.source, self._size, threads, use)

    def splits(self, items: Sequence[Item]) -> list[str]:
        return ["train"] * len(items)

    def labels(self, items: Sequence[Item]) -> Labels:
        return Labels([], [None] * len(items))

    def captions(self, items: Sequence[Item]) -> list[str]:
        return [self._captions[item.source] for item in items]
