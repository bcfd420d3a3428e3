"""How a schema module describes a column."""

import pyarrow as pa


def column(name: str, kind: pa.DataType, meaning: str, *, nullable: bool = False) -> pa.Field:
    """A documented column: `meaning` says what it holds, with units."""
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning})
