"""One L2-normalised embedding a patch, by a retriever's image tower."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column


def schema(d: int = 1) -> pa.Schema:
    """The schema for `d` dimensions (reading accepts any)."""
    return pa.schema(
        [
            column("patch_id", pa.string(), "the patch"),
            column("embedding", pa.list_(pa.float32(), d), "unit vector"),
        ]
    )
