"""A Parquet table written row by row, in bounded memory, with the promises of `write_table`."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from clipit.artifacts.atomic import atomic_path
from clipit.artifacts.tables import note

_ROWS = 8192  # of a group: the bytes of the file do not depend on how many are handed over at a time


class TableWriter:
    """Appends rows to a table that appears under its name when the `with` ends without an error.

    Args:
        path: of the table.
        schema: its columns.
        provenance: as `write_table`'s.
        meta: as `write_table`'s, known beforehand.
    """

    def __init__(
        self,
        path: str | Path,
        schema: pa.Schema,
        provenance: Mapping[str, Any],
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        self._path, self._schema = path, schema.with_metadata(note(provenance, meta))
        self._waiting: list[pa.Table] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self._path))
            self._writer = stack.enter_context(pq.ParquetWriter(temporary, self._schema, compression="zstd"))
            self._stack = stack.pop_all()
        return self

    def append(self, columns: Mapping[str, Any]) -> None:
        """Adds rows, a sequence for each column."""
        self._waiting.append(pa.table(dict(columns), schema=self._schema))
        if sum(map(len, self._waiting)) >= _ROWS:
            whole = pa.concat_tables(self._waiting)
            for start in range(0, len(whole) - _ROWS + 1, _ROWS):
                self._writer.write_table(whole.slice(start, _ROWS))
            self._waiting = [whole.slice(len(whole) - len(whole) % _ROWS)]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._stack.__exit__(kind, error, trace)
