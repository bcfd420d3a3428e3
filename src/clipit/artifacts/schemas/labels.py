"""The label of every patch; the class names, in order, are in the metadata under `classes`."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("patch_id", pa.string(), "the patch"),
        column("label", pa.int16(), "index into `classes`; null = unlabelled", nullable=True),
    ]
)
