"""What a user lists: the names of files, a CSV with a line a file, and whether classes and splits go together."""

import csv
import difflib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from clipit.artifacts.schemas.splits import SPLITS
from clipit.runtime.errors import UserError


def read_listing(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> list[dict[str, str]]:
    """The rows of the CSV at `path`, sorted by the files that they name, values stripped, "" where there is none.

    Names are plain: `./a.png` and `b//c.png` become `a.png` and `b/c.png`.

    Args:
        path: the CSV, with a header.
        required: columns that it must have; the first one names files, one called split holds splits.
        optional: columns that it may have; others are not read.

    Raises:
        UserError: a column is missing, a file's name is empty or there twice, a split is not one.
    """
    columns = (*required, *optional)
    try:
        with open(path, newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened)
            missing = [name for name in required if name not in (reader.fieldnames or [])]
            if missing:
                known = f" (and {', '.join(optional)}, if known)" if optional else ""
                raise UserError(f"{path} has no column {missing[0]!r}: it needs {', '.join(required)}{known}")
            rows = [
                (reader.line_num, {name: (row[name] or "").strip() for name in columns if name in row})
                for row in reader
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV in UTF-8 ({error}): save it as one") from error
    key, first = required[0], dict[str, int]()
    for line, row in rows:
        if row.get("split", SPLITS[0]) not in SPLITS:
            raise UserError(
                f"{path}, line {line}: split {row['split']!r} is not {', '.join(SPLITS[:-1])} or {SPLITS[-1]}"
            )
        if not row[key]:
            raise UserError(f"{path}, line {line}: {key} is empty: name a file, or remove the line")
        row[key] = PurePosixPath(row[key]).as_posix()
        if first.setdefault(row[key], line) != line:
            raise UserError(
                f"{path}, line {line}: {key} {row[key]!r} is in line {first[row[key]]} already: keep one of them"
            )
    return sorted((dict.fromkeys(columns, "") | row for _, row in rows), key=lambda row: row[key])


def check_classes(
    where: str | Path,
    listed: Iterable[tuple[str, str]],
    what: str,
    splits: Sequence[str] = ("train",),
    advice: str | None = None,
) -> None:
    """Refuses a class that only some splits have: it cannot be learnt or cannot be tested.

    Args:
        where: the data set, for messages.
        listed: split and class of everything that is labelled.
        what: "image", say, for messages.
        splits: those that must have something labelled.
        advice: what to do about it, for messages.

    Raises:
        UserError: there is such a class, or nothing of one of `splits` is labelled.
    """
    of_split: dict[str, set[str]] = defaultdict(set)
    for split, label in listed:
        of_split[split].add(label)
    for split in splits:
        if split not in of_split:
            fill = advice or f"name the {split} folder (or the split and label columns)"
            raise UserError(f"{where} has no labelled {split} {what}: {fill}")
    for split, classes in of_split.items():
        missing = of_split["train"] - classes if split != "train" else set().union(*of_split.values()) - classes
        if missing:
            name = min(missing)
            elsewhere = set[str]().union(*(others for others in of_split.values() if name in others))
            raise UserError(
                f"{where}: class {name!r} has no {what} in split {split!r}{_alike(name, classes - elsewhere)}: "
                f"{advice or 'add one or remove the class'}"
            )


def _alike(name: str, classes: Iterable[str]) -> str:
    """That one of `classes` may be another spelling of `name`, for a message."""
    spelt = {other.casefold(): other for other in sorted(classes)}
    near = difflib.get_close_matches(name.casefold(), spelt, 1, cutoff=0.8)
    return f" (it has {spelt[near[0]]!r}: spell them alike if they are one class)" if near else ""


def utf8_name(path: Path) -> str:
    """`path` as tables hold it, with forward slashes.

    Raises:
        UserError: it is not UTF-8 text, which a table cannot hold.
    """
    name = path.as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{name!r}: the name is not UTF-8 text: rename the file or its folder") from error
    return name
