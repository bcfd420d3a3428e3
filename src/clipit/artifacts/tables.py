"""Parquet tables and JSON documents that carry their provenance, written atomically and checked when read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clipit.artifacts.atomic import atomic_path, write_text
from clipit.artifacts.object_store import read_bytes
from clipit.artifacts.provenance import check_lineage
from clipit.artifacts.schemas.column import may_be_absent
from clipit.runtime.errors import UserError

_KEY = b"clipit"


@dataclass(frozen=True)
class Stored:
    """A table as read: rows, facts about them (`meta`), and where they come from (`provenance`)."""

    path: Path
    table: pa.Table
    meta: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @property
    def lineage(self) -> Mapping[str, str]:
        return self.provenance["lineage"]

    def without_rows(self) -> "Stored":
        """What the table says of itself: tables of millions of rows must not stay in memory side by side."""
        return replace(self, table=self.table.schema.empty_table())

    def column(self, name: str) -> list[Any]:
        """A column as a Python list."""
        return self.table.column(name).to_pylist()


def write_table(
    path: str | Path,
    table: pa.Table | Mapping[str, Any],
    schema: pa.Schema,
    provenance: Mapping[str, Any],
    meta: Mapping[str, Any] | None = None,
) -> None:
    """Writes `table` (a pyarrow table or a mapping of columns) with exactly the columns of `schema`.

    An optional column that a mapping lacks is null throughout.

    `meta` are JSON facts that belong to the whole table: class names, the share of tokens read.
    """
    if not isinstance(table, pa.Table):
        absent = [field.name for field in schema if may_be_absent(field) and field.name not in table]
        nulls = {name: [None] * len(next(iter(table.values()))) for name in absent}
        table = pa.table({**table, **nulls}, schema=schema)
    table = table.select(schema.names).cast(schema)
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata(note(provenance, meta)), temporary, compression="zstd")


def note(provenance: Mapping[str, Any], meta: Mapping[str, Any] | None) -> dict[bytes, bytes]:
    """Provenance and facts as the metadata of a Parquet schema."""
    return {_KEY: json.dumps({"provenance": provenance, "meta": dict(meta or {})}, sort_keys=True).encode()}


def read_table(path: str | Path, schema: pa.Schema) -> Stored:
    """Reads a table and checks that it is clipit's and has the columns and types of `schema`.

    A `fixed_size_list` of the schema matches any length. An optional column that is absent is null throughout.

    Raises:
        UserError: the file is missing, is not clipit's, or has other columns.
    """
    path = Path(path)
    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: run snakemake to make it") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path} is not a readable Parquet file ({error}): delete it and run snakemake again"
        ) from error
    written = (table.schema.metadata or {}).get(_KEY)
    if written is None:
        raise UserError(f"{path} was not written by clipit (no provenance): delete it and run snakemake again")
    for expected in schema:
        if may_be_absent(expected) and expected.name not in table.schema.names:
            table = table.append_column(expected, pa.nulls(len(table), expected.type))
        if expected.name not in table.schema.names:
            raise UserError(
                f"{path} has no column {expected.name!r} (another version wrote it): delete it and run snakemake again"
            )
        found = table.schema.field(expected.name).type
        both_vectors = pa.types.is_fixed_size_list(expected.type) and pa.types.is_fixed_size_list(found)
        if found != expected.type and not both_vectors:
            raise UserError(
                f"{path}: column {expected.name!r} is {found}, not {expected.type}: delete it and run snakemake again"
            )
    document = json.loads(written)
    return Stored(path, table, document["meta"], document["provenance"])


def agree(*tables: Stored) -> dict[str, str]:
    """The united lineage of `tables`; a `UserError` if two of them do not belong together."""
    return check_lineage(*((str(t.path), t.lineage) for t in tables))


def write_json(path: str | Path, content: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
    """Writes a JSON document with its provenance under the key `provenance`, keys sorted."""
    document = {**content, "provenance": provenance}
    write_text(path, json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Reads a JSON document written by `write_json`, in object storage too.

    Raises:
        UserError: it is missing, is not JSON or carries no provenance.
    """
    try:
        document = json.loads(read_bytes(path))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: run snakemake to make it") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}): delete it and run snakemake again") from error
    if "provenance" not in document:
        raise UserError(f"{path} was not written by clipit (no provenance): delete it and run snakemake again")
    return document


def embedding_matrix(stored: Stored) -> Any:
    """The column `embedding` as a float32 array of shape (rows, d), without a copy where Arrow allows."""
    column = stored.table.column("embedding").combine_chunks()
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), column.type.list_size)


def embedding_column(matrix: Any) -> pa.Array:
    """A float32 array of shape (rows, d) as a `fixed_size_list` column."""
    flat = pa.array(matrix.reshape(-1), type=pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])
