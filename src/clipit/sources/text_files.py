"""Own reports: a text file with one a line, a folder of .txt files, or a table (CSV, TSV, JSONL, Parquet)."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress
from clipit.sources.image_files import visible_files
from clipit.sources.report_source import RawReport, numbered
from clipit.sources.report_tables import GUESSED, SUFFIXES, find_encoding, open_text, read_columns

_NOT_TEXT = (".doc", ".docx", ".gz", ".json", ".odt", ".pdf", ".rtf", ".xls", ".xlsx", ".zip")


def read_text_reports(entry: Mapping[str, Any]) -> list[RawReport]:
    """The reports at `entry["path"]`; of a table `column`, `id_column` and `patient_column` say where they are.

    Raises:
        UserError: nothing there, a column that is not, or two reports of one id.
    """
    path = Path(entry["path"])
    if not path.exists():
        raise UserError(f"report corpus {path} does not exist: set its path in the config's corpora section")
    suffix = path.suffix.lower()
    if path.is_dir():
        reports = _from_folder(path)
    elif suffix in SUFFIXES:
        reports = _from_table(path, entry["column"], entry["id_column"], entry["patient_column"])
    elif suffix in _NOT_TEXT:
        raise UserError(f"report corpus {path} is not plain text: save it as a .txt, .csv, .tsv, .jsonl or .parquet")
    else:
        reports = [
            RawReport(f"line{i}", line.rstrip("\r\n"), f"{path.name}:{i}") for i, line in enumerate(open_text(path), 1)
        ]
    if not any(report.text.strip() for report in reports):
        raise UserError(f"report corpus {path} has no text: expected one report a line, .txt files or a table")
    return reports


def _from_folder(folder: Path) -> list[RawReport]:
    """A report a file, in depth; hidden files (those that macOS leaves on other disks) are passed over.

    The same files are fingerprinted (`workflow.fingerprint`), those in linked folders too.
    """
    files = sorted(file for file in visible_files(folder) if file.suffix.lower() == ".txt")
    ids = numbered([file.relative_to(folder).with_suffix("").as_posix() for file in files])  # a.txt and a.TXT
    reports = []
    guessed = 0
    with Progress(f"read {folder.name}", len(files), "files") as progress:
        for name, file in zip(ids, files, strict=True):
            encoding = find_encoding(file)
            guessed += encoding == GUESSED
            reports.append(RawReport(name, "".join(open_text(file, encoding)), file.relative_to(folder).as_posix()))
            progress.advance()
    if guessed:  # a count: names of files may name patients
        print(f"{guessed} of {len(files)} files are not UTF-8: read as Windows-1252", file=sys.stderr)
    return reports


def _from_table(path: Path, column: str, id_column: str | None, patient_column: str | None) -> list[RawReport]:
    keys = {column: "column", id_column: "id_column", patient_column: "patient_column"}
    columns = {name: key for name, key in keys.items() if name is not None}
    found = dict(zip(columns, read_columns(path, columns), strict=True))
    texts = found[column]
    rows = range(1, len(texts) + 1)
    ids = [value or "" for value in found[id_column]] if id_column else [f"row{i}" for i in rows]
    if id_column:
        _check_ids(path, id_column, ids)
    patients = (
        [(value or "").strip() or None for value in found[patient_column]] if patient_column else [None] * len(texts)
    )
    return [
        RawReport(name, text or "", f"{path.name}:{i}", patient=patient)
        for i, name, text, patient in zip(rows, ids, texts, patients, strict=True)
    ]


def _check_ids(path: Path, id_column: str, ids: list[str]) -> None:
    if "" in ids:
        raise UserError(
            f"{path}: column {id_column!r} (id_column) is empty in row {ids.index('') + 1}: name the report"
        )
    first: dict[str, int] = {}
    for row, name in enumerate(ids, start=1):
        if first.setdefault(name, row) != row:  # rows, not the name: ids stay out of logs
            raise UserError(
                f"{path}: column {id_column!r} (id_column) names two reports the same (rows {first[name]} and {row}): "
                "choose a column with unique ids"
            )
