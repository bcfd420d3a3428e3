"""The phantom as a data set of the catalog."""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from clipit.sources.image_source import ImageSource, Item, Labels, Patch, R
from clipit.sources.phantom.cohort import source_cohort, target_cohort
from clipit.sources.phantom.findings import CLASSES

_AT_A_TIME = 64  # patches, drawn in a tenth of a second


class PhantomImages(ImageSource):
    """Reads a `phantom` entry of the catalog (config.datasets.PhantomDataset)."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        if entry["cohort"] == "source":
            self._cohort = source_cohort(entry["seed"], entry["size"], entry["informative"])
        else:
            self._cohort = target_cohort(entry["seed"], entry["size"])
        self._row = {patch_id: row for row, patch_id in enumerate(self._cohort.patch_id)}

    def items(self) -> list[Item]:
        cohort = self._cohort
        return [
            Item(patch_id, "phantom", group, width=cohort.size, mpp=cohort.mpp)
            for patch_id, group in zip(cohort.patch_id, cohort.group, strict=True)
        ]

    def runs(
        self, items: Sequence[Item], threads: int, use: Callable[[int, list[Patch]], R]
    ) -> Generator[R, None, None]:
        # Rendering holds the interpreter lock: more threads would only wait for each other.
        rows = self._rows(items)
        for first in range(0, len(rows), _AT_A_TIME):
            yield use(first, [self._cohort.render(row) for row in rows[first : first + _AT_A_TIME]])

    def splits(self, items: Sequence[Item]) -> list[str]:
        return [self._cohort.split[row] for row in self._rows(items)]

    def labels(self, items: Sequence[Item]) -> Labels:
        return Labels(list(CLASSES), [int(self._cohort.label[row]) for row in self._rows(items)])

    def captions(self, items: Sequence[Item]) -> list[str]:
        return [self._cohort.caption[row] for row in self._rows(items)]

    def findings(self, items: Sequence[Item]) -> list[int]:
        return [int(self._cohort.finding[row]) for row in self._rows(items)]

    def _rows(self, items: Sequence[Item]) -> list[int]:
        return [self._row[item.patch_id] for item in items]
