"""From reports as found to a corpus: lossless cleaning, duplicates folded."""

import hashlib
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipit.artifacts.provenance import Origin, json_digest
from clipit.artifacts.schemas import report_truth, reports
from clipit.artifacts.tables import write_table
from clipit.runtime.errors import UserError
from clipit.sources.report_source import RawReport, read_reports


def clean_reports(entry: Mapping[str, Any], out: Path, *, origin: Origin) -> None:
    """Writes the corpus of a catalog entry, sorted by report id (schema `reports`).

    Reports without text are left out and named in the metadata under `empty`.
    """
    kept: dict[str, RawReport] = {}
    folded: dict[str, list[str]] = {}
    empty = []
    for report in read_reports(entry):
        text = clean(report.text)
        if not text:
            empty.append(report.report_id)
        elif text in kept:
            folded[text].append(report.report_id)
        else:
            kept[text], folded[text] = report, []
    if not kept:
        raise UserError(
            f"corpus {entry.get('path', entry['source'])} has no report with text: check its path and column"
        )
    rows = sorted(kept.items(), key=lambda item: item[1].report_id)
    digests = [hashlib.sha256(text.encode()).hexdigest() for text, _ in rows]
    report_ids = [report.report_id for _, report in rows]
    columns = {
        "report_id": report_ids,
        "text": [text for text, _ in rows],
        "organ": [report.organ for _, report in rows],
        "patient": [report.patient for _, report in rows],
        "n_words": [len(text.split()) for text, _ in rows],
        "source": [report.source for _, report in rows],
        "sha256": digests,
        "duplicates": [folded[text] for text, _ in rows],
    }
    duplicates = sum(map(len, folded.values()))
    print(f"{len(rows)} reports, {duplicates} duplicates folded, {len(empty)} without text", file=sys.stderr)
    lineage = {"reports": json_digest(list(zip(report_ids, digests, strict=True)))}
    write_table(out, columns, reports.SCHEMA, origin.provenance(lineage=lineage), {"empty": empty})


def clean(text: str) -> str:
    """Composed Unicode, control characters and runs of white space as one space: nothing that carries meaning goes."""
    text = unicodedata.normalize("NFC", text)
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())


def reveal_report_truth(entry: Mapping[str, Any], out: Path, *, origin: Origin) -> None:
    """Writes what the phantom knows of its reports (schema `report_truth`), for the audit alone."""
    from clipit.sources.phantom.reports import write_reports

    written = write_reports(entry["seed"], entry["informative"])
    columns = {name: [getattr(r, name) for r in written] for name in report_truth.SCHEMA.names}
    write_table(out, columns, report_truth.SCHEMA, origin.provenance())
