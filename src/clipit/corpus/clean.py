"""From reports as found to a corpus: cleaned, split into sections if wanted, duplicates folded, nothing lost unsaid."""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipit.artifacts.provenance import Origin, json_digest
from clipit.artifacts.schemas import report_truth, reports
from clipit.artifacts.tables import write_table
from clipit.corpus.cleanings import CLEANINGS, one_line
from clipit.corpus.word_removal import remove_words
from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress
from clipit.sources.report_sections import PREAMBLE, Section, split_sections
from clipit.sources.report_source import RawReport, read_reports


@dataclass
class _Kept:
    """A text of the corpus: its first report, and who else has the same."""

    report_id: str
    text: str
    organ: str | None
    patient: str | None
    source: str
    duplicates: list[str] = field(default_factory=list)
    patients: set[str] = field(default_factory=set)


def clean_reports(entry: Mapping[str, Any], out: Path, *, origin: Origin) -> None:
    """Writes the corpus of a catalog entry, sorted by report id (schema `reports`).

    With `entry["split_sections"]` a report with headings becomes a report a section, named `{report_id}/{section}`; one
    without keeps its id. Reports whose cleaned texts are equal, line breaks aside, are folded into the first.

    The metadata account for all that was read: `read` and `folded` count reports as found and duplicates, `empty` are
    the ids that had no text, `patients_of_folded` names all patients of a text that reports of other patients than
    its own have too; when splitting, `unsplit` counts reports without a heading and `sections` the others' by name.

    Raises:
        UserError: no report has text, or two would have one id.
    """
    cleaned, split = CLEANINGS[entry["cleaning"]], entry["split_sections"]
    kept: dict[str, _Kept] = {}
    empty: list[str] = []
    number_of: dict[str, int] = {}
    sections = Counter[str]()
    unsplit = 0
    found = read_reports(entry)[::-1]
    read = len(found)
    with Progress("clean", read, "reports") as progress:
        while found:  # taken off, so that raw and cleaned texts are not all in memory together
            report = found.pop()
            number = read - len(found)
            for report_id, text, section in _parts(report, split):
                if number_of.setdefault(report_id, number) != number:  # numbers, not the id: ids stay out of logs
                    raise UserError(
                        f"corpus {_where(entry)}: the reports read as number {number_of[report_id]} and {number}, or "
                        "sections of them (id/section), have one id: rename the file of one, or change its id"
                    )
                if report_id == report.report_id:
                    unsplit += 1
                else:
                    sections[section.partition("-")[0]] += 1
                _keep(kept, empty, report, report_id, cleaned(text))
            progress.advance()
    if not kept:
        raise UserError(f"corpus {_where(entry)} has no report with text: check its path and column")
    meta = {
        "read": read,
        "empty": empty,
        "folded": sum(len(row.duplicates) for row in kept.values()),
        "patients_of_folded": {
            row.report_id: sorted(row.patients) for row in kept.values() if row.patients - {row.patient}
        },
    }
    meta |= {"sections": dict(sections), "unsplit": unsplit} if split else {}
    _write(kept, out, origin, meta, entry.get("words_removed", 0))
    print(
        f"{read} reports read{f', {unsplit} without a heading' if split else ''}: {len(kept)} texts kept, "
        f"{meta['folded']} duplicates folded, {len(empty)} without text",
        file=sys.stderr,
    )


def _where(entry: Mapping[str, Any]) -> str:
    return str(entry.get("path", entry["source"]))


def _parts(report: RawReport, split: bool) -> Iterator[tuple[str, str, str]]:
    """(id, text, section) of each section of a report; of one that is not to be split or has no heading, itself."""
    sections = split_sections(report.text) if split else [Section(PREAMBLE, report.text)]
    whole = len(sections) == 1 and sections[0].name == PREAMBLE
    for section in sections:
        yield report.report_id if whole else f"{report.report_id}/{section.name}", section.text, section.name


def _keep(kept: dict[str, _Kept], empty: list[str], report: RawReport, report_id: str, text: str) -> None:
    """Enters a cleaned text, or the id of one that is empty or stands already."""
    if not text:
        empty.append(report_id)
        return
    digest = _digest(one_line(text))
    if digest in kept:
        kept[digest].duplicates.append(report_id)
    else:
        kept[digest] = _Kept(report_id, text, report.organ, report.patient, report.source)
    if report.patient is not None:
        kept[digest].patients.add(report.patient)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(kept: Mapping[str, _Kept], out: Path, origin: Origin, meta: Mapping[str, Any], words_removed: int) -> None:
    rows = sorted(kept.values(), key=lambda row: row.report_id)
    columns: dict[str, Any] = {
        name: [getattr(row, name) for row in rows] for name in ("report_id", "organ", "patient", "source", "duplicates")
    }
    texts = [remove_words(row.text, words_removed, row.report_id) for row in rows]
    digests = [_digest(one_line(text)) for text in texts]
    columns |= {"text": texts, "n_words": [len(text.split()) for text in texts], "sha256": digests}
    # Of the texts as they stand: where sentences and sections end depends on the lines, which the digests leave out.
    lineage = {"reports": json_digest(list(zip(columns["report_id"], map(_digest, texts), strict=True)))}
    write_table(out, columns, reports.SCHEMA, origin.provenance(lineage=lineage), meta)


def reveal_report_truth(entry: Mapping[str, Any], out: Path, *, origin: Origin) -> None:
    """Writes what the phantom knows of its reports (schema `report_truth`), for the audit alone."""
    from clipit.sources.phantom.reports import write_reports

    written = write_reports(entry["seed"], entry["informative"])
    columns = {name: [getattr(r, name) for r in written] for name in report_truth.SCHEMA.names}
    write_table(out, columns, report_truth.SCHEMA, origin.provenance())
