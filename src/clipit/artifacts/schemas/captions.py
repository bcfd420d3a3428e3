"""A caption for every patch of a captioned data set."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("patch_id", pa.string(), "the patch"),
        column("caption", pa.string(), "what the image shows, in words"),
    ]
)
