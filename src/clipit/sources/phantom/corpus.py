"""The phantom's reports as a corpus of the catalog."""

from collections.abc import Mapping
from typing import Any

from clipit.sources.phantom.reports import write_reports
from clipit.sources.report_source import RawReport


def read_phantom_reports(entry: Mapping[str, Any]) -> list[RawReport]:
    """The reports of a `phantom` entry of the catalog (config.corpora.PhantomCorpus)."""
    return [
        RawReport(report.report_id, report.text, "phantom", report.organ, report.patient)
        for report in write_reports(entry["seed"], entry["informative"])
    ]
