"""Where reports come from, whatever the corpus."""

from collections import Counter
from collections.abc import Mapping, Sequence
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


def numbered(names: Sequence[str]) -> list[str]:
    """`names` made unique: one that stands several times becomes name_1, name_2, ... in order, but for taken names."""
    times, tried = Counter(names), Counter[str]()
    unique = []
    for name in names:
        new = name
        while times[name] > 1 and new in times:
            tried[name] += 1
            new = f"{name}_{tried[name]}"
        unique.append(new)
    return unique
