"""What a trained model says of the validation and test patches."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("patch_id", pa.string(), "the patch"),
        column("split", pa.string(), "val or test"),
        column("label", pa.int16(), "index into `classes` (metadata)"),
        column("group", pa.string(), "patient or slide; null where unknown", nullable=True),
        column("centre", pa.string(), "hospital or scanner; null where unknown", optional=True),
        column("source", pa.string(), "what its pixels come from: an image or a slide"),
        column("prob", pa.list_(pa.float32()), "probability of each class, sums to 1"),
    ]
)
