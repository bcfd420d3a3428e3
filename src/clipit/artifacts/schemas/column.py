"""How a schema module describes a column."""

import pyarrow as pa


def column(name: str, kind: pa.DataType, meaning: str, *, nullable: bool = False, optional: bool = False) -> pa.Field:
    """A documented column: `meaning` says what it holds, with units. One that is `optional` may be absent: all null."""
    noted = {"meaning": meaning} | ({"optional": "yes"} if optional else {})
    return pa.field(name, kind, nullable=nullable or optional, metadata=noted)


def may_be_absent(field: pa.Field) -> bool:
    """Whether a column was declared `optional`."""
    return b"optional" in (field.metadata or {})
