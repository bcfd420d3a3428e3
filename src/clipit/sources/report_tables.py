"""Columns of a table that somebody else wrote, as text: CSV, TSV, JSON lines or Parquet."""

import csv
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clipit.runtime.errors import UserError
from clipit.runtime.names import nearest

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
GUESSED = "cp1252"
"""What is no Unicode is taken for Windows-1252, which every byte sequence nearly is."""
_SHOWN = 20  # names in a message
_PLAIN_NAME = re.compile(r"(?:[^\W\d][\w.:;/#()-]{0,39})?")
"""What a column may be called in a message; the first cell of an index has no name."""


def read_columns(path: Path, columns: Mapping[str, str]) -> list[list[str | None]]:
    """The values of `columns`, one list a column, every value as it is written: "007" stays "007".

    Of Parquet and JSON, whole numbers are written without a point, whatever their type. Nothing else of the table is
    kept, however large its other columns are.

    Args:
        path: a file whose suffix is one of `SUFFIXES`.
        columns: name of a column -> the key that names it, or what to do if there is none, for the message.

    Returns:
        A list a column, rows in the file's order; None where a Parquet or JSON value is null or missing.

    Raises:
        UserError: the file is missing or damaged, or has no such column.
    """
    try:
        match path.suffix.lower():
            case ".parquet":
                return _parquet(path, columns)
            case ".jsonl":
                return _json_lines(path, columns)
            case suffix:
                return _delimited(path, columns, "\t" if suffix == ".tsv" else ",")
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: check the path, or download it again") from error


def shown(names: Iterable[str]) -> str:
    """`names` for a message, the first few of many."""
    names = list(names)
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def open_text(path: Path, encoding: str | None = None) -> Iterator[str]:
    """The lines of a text file with their ends; without an `encoding` it is found out, and said if it was a guess."""
    if encoding is None and (encoding := find_encoding(path)) == GUESSED:
        print(f"{path.name} is not UTF-8: read as Windows-1252", file=sys.stderr)
    with open(path, encoding=encoding, errors="replace", newline="") as file:
        yield from file


def find_encoding(path: Path) -> str:
    """UTF-8, UTF-16 where a mark says so, or else `GUESSED`."""
    with open(path, "rb") as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return GUESSED
    return "utf-8-sig"


def _parquet(path: Path, columns: Mapping[str, str]) -> list[list[str | None]]:
    try:
        with pq.ParquetFile(path) as file:
            _check(path, columns, file.schema_arrow.names)
            table = file.read(columns=list(columns))
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise UserError(f"{path} cannot be read as PARQUET ({str(error).splitlines()[0]}): write it again") from error
    return [[_text(value) for value in table.column(name).to_pylist()] for name in columns]


def _json_lines(path: Path, columns: Mapping[str, str]) -> list[list[str | None]]:
    found: list[list[str | None]] = [[] for _ in columns]
    names: dict[str, None] = {}
    for number, line in enumerate(open_text(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path}:{number} cannot be read as JSONL ({error}): write one object a line") from error
        if not isinstance(row, dict):
            raise UserError(f"{path}:{number} is not a JSON object: write one object a line")
        names |= dict.fromkeys(row)
        for values, name in zip(found, columns, strict=True):
            values.append(_text(row.get(name)))
    _check(path, columns, list(names))
    return found


def _delimited(path: Path, columns: Mapping[str, str], delimiter: str) -> list[list[str | None]]:
    csv.field_size_limit(2**31 - 1)  # a report may be longer than the default of 131,072 characters
    rows = csv.reader(open_text(path), delimiter=delimiter, strict=True)
    try:
        header = next(rows, [])
        _check(path, columns, header)
        places = [header.index(name) for name in columns]
        found: list[list[str | None]] = [[] for _ in columns]
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise UserError(
                    f"{path}:{rows.line_num} has {len(row)} values where the header names {len(header)}: "
                    "put a report that contains the separator or a line break into double quotes"
                )
            for values, place in zip(found, places, strict=True):
                values.append(row[place])
    except csv.Error as error:
        raise UserError(
            f"{path}:{rows.line_num} cannot be read as {path.suffix[1:].upper()} ({error}): check its double quotes"
        ) from error
    return found


def _check(path: Path, columns: Mapping[str, str], names: Sequence[str]) -> None:
    for name, key in columns.items():
        if name not in names:
            near = nearest(name, names) or ":"
            raise UserError(f"{path} has no column {name!r} ({key}){near} {told(names)}")


def told(names: Sequence[str]) -> str:
    """The columns for a message; nothing of what may be a report or a patient in a table that has no header."""
    if all(map(_PLAIN_NAME.fullmatch, names)):
        return f"it has {shown(names) or 'no header'}"
    return "its first line (not shown: cells with spaces, long ones or numbers) may be no header; write one, as id,text"


def _text(value: Any) -> str | None:
    if isinstance(value, float):  # numbers beside missing ones: pandas makes 12 a 12.0, and nothing a nan
        return None if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    return None if value is None else str(value)
