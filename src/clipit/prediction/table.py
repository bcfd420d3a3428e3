"""The table of predictions, written while they are made."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from clipit.artifacts.atomic import atomic_path
from clipit.runtime.errors import UserError
from clipit.sources.image_source import Item

_ROWS = 4096
"""Rows that are written at a time."""


class Predicted(NamedTuple):
    """Some patches, their probabilities, float32 (n, C), NaN where there are none, and why there are none."""

    items: Sequence[Item]
    probabilities: np.ndarray
    reasons: Sequence[str | None]


def schema(classes: Sequence[str]) -> pa.Schema:
    """The columns: which patch, what it is taken for, a probability for each class, and why there is none.

    `x`, `y` and `width` are the place of a tile in the pixels of its slide or image, width 0 the whole image.
    """
    places = [(name, pa.int64()) for name in ("x", "y", "width")]
    probabilities = [(f"p_{name}", pa.float32()) for name in classes]
    fixed = [("source", pa.string()), ("patch", pa.string())]
    return pa.schema([*fixed, *places, ("prediction", pa.string()), *probabilities, ("error", pa.string())])


class TableFile:
    """Appends predictions to a file that appears under its name when the `with` ends without an error.

    Raises:
        UserError: the suffix is neither .parquet nor .csv, or the folder cannot be written.
    """

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        if path.suffix not in (".parquet", ".csv"):
            raise UserError(f"{path} ends in neither .parquet nor .csv: name the table by one of them")
        self._path, self._classes, self._schema = path, classes, schema(classes)
        self._waiting: list[Predicted] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            try:
                temporary = stack.enter_context(atomic_path(self._path))
                kind: Any = pa.parquet.ParquetWriter if self._path.suffix == ".parquet" else pa.csv.CSVWriter
                self._writer = stack.enter_context(kind(str(temporary), self._schema))
            except OSError as error:
                raise UserError(f"{self._path} cannot be written ({error.strerror}): choose another place") from error
            self._stack = stack.pop_all()
        return self

    def append(self, predicted: Predicted) -> None:
        """Adds a row for each item."""
        self._waiting.append(predicted)
        if sum(len(one.items) for one in self._waiting) >= _ROWS:
            self._write()

    def _write(self) -> None:
        items = [item for one in self._waiting for item in one.items]
        probabilities = np.concatenate([one.probabilities for one in self._waiting])
        reasons = [reason for one in self._waiting for reason in one.reasons]
        self._waiting = []
        none = np.isnan(probabilities[:, 0])
        best = np.where(none, 0, np.nan_to_num(probabilities).argmax(axis=1))
        columns = {
            "source": [item.source for item in items],
            "patch": [item.patch_id for item in items],
            **{name: [getattr(item, name) for item in items] for name in ("x", "y", "width")},
            "prediction": [None if bad else self._classes[i] for bad, i in zip(none, best, strict=True)],
            **{f"p_{c}": pa.array(probabilities[:, i], mask=none) for i, c in enumerate(self._classes)},
            "error": reasons,
        }
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._waiting:
            self._write()
        self._stack.__exit__(kind, error, trace)
