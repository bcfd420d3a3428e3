"""How often the best report tells what the image shows: known of the phantom alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipit.artifacts.schemas import image_truth as image_schema
from clipit.artifacts.schemas import report_truth as report_schema
from clipit.artifacts.tables import Stored, read_table
from clipit.runtime.errors import UserError

Names = Sequence[str] | np.ndarray


@dataclass(frozen=True)
class Truth:
    """What images and reports show: `finding` or `class`.

    Attributes:
        images: the table of the images' truth; `reports`: that of the reports'.
        of_image: name -> patch -> its finding (class); `of_report`: name -> report -> its finding (class).
    """

    images: Stored
    reports: Stored
    of_image: Mapping[str, Mapping[str, int]]
    of_report: Mapping[str, Mapping[str, int]]

    def hits(
        self, what: str, patch_id: Sequence[str] | np.ndarray, report_id: Sequence[str] | np.ndarray
    ) -> np.ndarray:
        """Whether each patch's report has its finding (class), bool (n,)."""
        image, report = self.of_image[what], self.of_report[what]
        try:
            return np.array([image[p] == report[r] for p, r in zip(patch_id, report_id, strict=True)], dtype=bool)
        except KeyError as error:
            raise UserError(
                f"{self.images.path} or {self.reports.path} lacks {error.args[0]!r}: delete it and run snakemake again"
            ) from error

    def chance(self, what: str, patch_id: Names) -> float:
        """What reports drawn uniformly would reach."""
        report = np.array(list(self.of_report[what].values()))
        image = np.array([self.of_image[what][patch] for patch in patch_id])
        return float(np.mean(image[:, None] == report))


def read_truth(image_truth: str | Path, report_truth: str | Path) -> Truth:
    """The phantom's truth about a data set and a corpus."""
    images, reports = read_table(image_truth, image_schema.SCHEMA), read_table(report_truth, report_schema.SCHEMA)
    columns = {"finding": "finding", "class": "label"}
    of_image, of_report = (
        {name: dict(zip(stored.column(key), stored.column(column), strict=True)) for name, column in columns.items()}
        for stored, key in ((images, "patch_id"), (reports, "report_id"))
    )
    return Truth(images, reports, of_image, of_report)


def precision_at_1(truth: Truth, patch_id: Names, report_id: Names) -> dict[str, float]:
    """Share of images whose best report has the image's finding (class), beside what a uniform draw would reach."""
    figures: dict[str, float] = {}
    for what in truth.of_image:
        hits = truth.hits(what, patch_id, report_id)
        figures |= {what: float(hits.mean()), f"chance_{what}": truth.chance(what, patch_id)}
    return figures
