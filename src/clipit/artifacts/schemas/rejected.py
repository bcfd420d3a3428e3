"""Items set aside while tiling, each with its reason; their rows of the store stay zero."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("index", pa.int64(), "row of the patch store"),
        column("patch_id", pa.string(), "unique name of the patch"),
        column("source", pa.string(), "where its pixels were looked for"),
        column("reason", pa.string(), "what was wrong with it"),
    ]
)
