"""The split of every patch."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SPLITS = ("train", "val", "test")
"""The names of the splits."""

SCHEMA = pa.schema(
    [
        column("patch_id", pa.string(), "the patch"),
        column("split", pa.string(), "train, val or test"),
    ]
)
