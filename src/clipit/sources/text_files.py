"""Own reports: a text file with one a line, a folder of .txt files, or a table (CSV, TSV, JSONL, Parquet)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from clipit.runtime.errors import UserError
from clipit.sources.report_source import RawReport

_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


def read_text_reports(entry: Mapping[str, Any]) -> list[RawReport]:
    """The reports at `entry["path"]`; `column` and `id_column` say where a table keeps them.

    Raises:
        UserError: nothing there, a column that is not, or two reports of one id.
    """
    path = Path(entry["path"])
    if not path.exists():
        raise UserError(f"report corpus {path} does not exist: set its path in the config's corpora section")
    if path.is_dir():
        files = sorted(path.rglob("*.txt"))
        reports = [RawReport(f.relative_to(path).with_suffix("").as_posix(), _text(f), f.name) for f in files]
    elif path.suffix.lower() in _TABLES:
        reports = _from_table(path, entry["column"], entry["id_column"])
    else:
        lines = _text(path).splitlines()
        reports = [RawReport(f"line{i}", line, f"{path.name}:{i}") for i, line in enumerate(lines, start=1)]
    if not any(report.text.strip() for report in reports):
        raise UserError(f"report corpus {path} has no text: expected one report a line, .txt files or a table")
    return reports


def _text(path: Path) -> str:
    """A file's text; bytes that are not UTF-8 are read as Windows-1252, which every byte sequence nearly is."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _from_table(path: Path, column: str, id_column: str | None) -> list[RawReport]:
    try:
        table = _read_table(path)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} cannot be read as {path.suffix[1:].upper()}: {str(error).splitlines()[0]}") from error
    for wanted in (column, id_column):
        if wanted is not None and wanted not in table.column_names:
            raise UserError(
                f"{path} has no column {wanted!r} (it has {', '.join(table.column_names)}): set column and id_column"
            )
    texts = [str(text) if text is not None else "" for text in table.column(column).to_pylist()]
    ids = (
        [str(i) for i in table.column(id_column).to_pylist()]
        if id_column
        else [f"row{i}" for i in range(1, len(texts) + 1)]
    )
    repeated = len(set(ids)) < len(ids)
    if repeated:
        raise UserError(f"{path}: column {id_column!r} names two reports the same: choose a column with unique ids")
    return [RawReport(name, text, f"{path.name}:{i}") for i, (name, text) in enumerate(zip(ids, texts, strict=True), 1)]


def _read_table(path: Path) -> pa.Table:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return pyarrow.parquet.read_table(path)
    if suffix == ".jsonl":
        return pyarrow.json.read_json(path)
    return pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(delimiter="\t" if suffix == ".tsv" else ",", newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=False),
    )
