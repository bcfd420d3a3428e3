"""The phantom as a data set of the catalog."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clipit.sources.image_source import Item, Labels
from clipit.sources.phantom.cohort import source_cohort, target_cohort
from clipit.sources.phantom.findings import CLASSES


class PhantomImages:
    """Reads a `phantom` entry of the catalog (config.catalog.PhantomDataset)."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        if entry["cohort"] == "source":
            self._cohort = source_cohort(entry["seed"], entry["size"], entry["informative"])
        else:
            self._cohort = target_cohort(entry["seed"], entry["size"])

    def items(self) -> list[Item]:
        cohort = self._cohort
        return [
            Item(patch_id, "phantom", group, width=cohort.size, mpp=cohort.mpp)
            for patch_id, group in zip(cohort.patch_id, cohort.group, strict=True)
        ]

    def pixels(self, index: int) -> np.ndarray:
        return self._cohort.render(index)

    def splits(self) -> dict[str, str]:
        return dict(zip(self._cohort.patch_id, self._cohort.split, strict=True))

    def labels(self) -> Labels:
        return Labels(list(CLASSES), dict(zip(self._cohort.patch_id, self._cohort.label.tolist(), strict=True)))

    def captions(self) -> dict[str, str]:
        # The target cohort has no captions, hence no `strict`.
        return dict(zip(self._cohort.patch_id, self._cohort.caption, strict=False))

    def findings(self) -> dict[str, int]:
        return dict(zip(self._cohort.patch_id, self._cohort.finding.tolist(), strict=True))
