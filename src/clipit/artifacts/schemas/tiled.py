"""The outcome of tiling one part: a row for every item of the part."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("index", pa.int64(), "row of the patch store"),
        column(
            "sha256", pa.string(), "SHA-256 of the stored pixels, hexadecimal; null for a rejected item", nullable=True
        ),
        column("reason", pa.string(), "why the item was rejected; null for a stored one", nullable=True),
    ]
)
