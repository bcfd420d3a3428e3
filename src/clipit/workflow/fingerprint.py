"""Fingerprints of a user's own data for rule parameters, since a folder as an input hides edits within it."""

import csv
import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from clipit.artifacts.provenance import json_digest
from clipit.runtime.errors import UserError
from clipit.runtime.names import nearest
from clipit.sources.image_files import visible_entries
from clipit.sources.report_tables import told

Companions = Callable[[Path], Iterable[Path]]
_Stamp = tuple[str, int, int]  # name, bytes, time of change in ns


def fingerprint_files(path: str | Path, suffixes: Collection[str] = (), companions: Companions | None = None) -> str:
    """A digest of the names, sizes and modification times of the files at `path`, without reading them.

    `path` is a folder, searched in depth as the readers of data sets do, or one file; `suffixes` (".png", any case)
    keeps only files that end so; `companions` are further files that belong to one. Names are relative to `path`:
    moving the project changes nothing.

    Raises:
        UserError: `path` does not exist or holds no such file.
    """
    root = Path(path)
    if not root.exists():
        raise UserError(f"{root} does not exist: check the path in the configuration")
    endings = tuple(suffix.lower() for suffix in suffixes)
    files = sorted(_stamps(root, endings, companions))
    if not files:
        kind = " or ".join(sorted(endings)) + " " if endings else ""
        raise UserError(f"{root} holds no {kind}file: check the path in the configuration")
    return json_digest(files)


def _stamps(root: Path, endings: tuple[str, ...], companions: Companions | None) -> Iterator[_Stamp]:
    """The stamps of the visible files that end so, and of their companions."""
    if root.is_file():
        yield _stamp(root, root.name)
        return
    prefix = len(os.path.join(root, ""))
    for entry in visible_entries(str(root)):
        if (not endings or entry.name.lower().endswith(endings)) and entry.is_file():
            yield _stamp(entry, entry.path[prefix:])
            for file in companions(Path(entry.path)) if companions else ():
                yield _stamp(file, os.path.relpath(file, root))


def _stamp(file: "Path | os.DirEntry[str]", name: str) -> _Stamp:
    status = file.stat()
    return name.replace(os.sep, "/"), status.st_size, status.st_mtime_ns


def fingerprint_listed(
    table: str | Path,
    column: str,
    *,
    root: str | Path,
    beside: Collection[str] = (),
    companions: Companions | None = None,
) -> str:
    """A digest of the files that a column of a CSV names (paths relative to `root`): names, sizes, times of change.

    A file that is missing counts as such. `beside` are further columns that matter, where the table has them;
    `companions` are further files that belong to one.

    Raises:
        UserError: the table is missing or has no such column, or a name leads out of `root`.
    """
    header, names = _read_column(Path(table), column)
    files: list[_Stamp | tuple[str, None, None]] = []
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise UserError(f"{table}: {name!r} leads out of {root}: write paths relative to it")
        try:
            file = Path(root) / name
            others = companions(file) if companions else ()
            files += [_stamp(file, name), *(_stamp(other, os.path.relpath(other, root)) for other in others)]
        except OSError:
            files.append((name, None, None))
    known = [other for other in beside if other in header]
    return json_digest([files, csv_columns_digest(table, known) if known else None])


def _read_column(table: Path, column: str) -> tuple[list[str], list[str]]:
    """The header of a CSV, and one of its columns."""
    csv_columns_digest(table, [column])  # for its messages
    with open(table, encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        return list(rows.fieldnames or []), [(row[column] or "").strip() for row in rows]


def csv_columns_digest(path: str | Path, columns: Collection[str]) -> str:
    """A digest of the named columns of a CSV file with a header, rows in order: other columns may change freely.

    Raises:
        UserError: the file is missing, is not UTF-8, or has no such column.
    """
    path = Path(path)
    wanted = sorted(set(columns))
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            places = [_place(name, header, path) for name in wanted]
            digest = hashlib.sha256(json_digest(wanted).encode())
            for row in rows:
                digest.update(json_digest([row[place] if place < len(row) else None for place in places]).encode())
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: check the path in the configuration") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text: save it as a CSV file in UTF-8") from error
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV file ({error}): save it as comma-separated text") from error
    return digest.hexdigest()


def _place(name: str, header: list[str], path: Path) -> int:
    if name not in header:
        raise UserError(f"{path} has no column {name!r}{nearest(name, header) or f': {told(header)}'}")
    return header.index(name)
