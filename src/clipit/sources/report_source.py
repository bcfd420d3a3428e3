"""Where reports come from, whatever the corpus."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RawReport:
    """One report as found."""

    report_id: str
    text: str
    source: str
    organ: str | None = None
    patient: str | None = None


def read_reports(entry: Mapping[str, Any]) -> list[RawReport]:
    """The reports of a catalog entry, in their own order."""
    if entry["source"] == "phantom":
        from clipit.sources.phantom.reports import write_reports

        return [
            RawReport(r.report_id, r.text, "phantom", r.organ, r.patient)
            for r in write_reports(entry["seed"], entry["informative"])
        ]
    from clipit.sources.text_files import read_text_reports

    return read_text_reports(entry)
