"""Where reports come from, whatever the corpus."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

READERS = {
    "phantom": "clipit.sources.phantom.corpus:read_phantom_reports",
    "text": "clipit.sources.text_files:read_text_reports",
    "tcga": "clipit.sources.tcga:read_tcga",
    "tcga_reports": "clipit.sources.tcga_reports:read_tcga_reports",
}
"""Module and function that read each kind of corpus; named, not imported, so that a job loads (and its code digest
covers) only its own."""


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
    module, _, name = READERS[entry["source"]].partition(":")
    reports: list[RawReport] = getattr(import_module(module), name)(entry)
    return reports
