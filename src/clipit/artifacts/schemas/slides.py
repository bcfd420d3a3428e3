"""The whole slides of a data set, and what of each was kept."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("slide", pa.string(), "path of the slide relative to the data set: the `source` of its patches"),
        column("width", pa.int32(), "level-0 pixels; null for a slide that cannot be used", nullable=True),
        column("height", pa.int32(), "level-0 pixels; null for a slide that cannot be used", nullable=True),
        column("mpp", pa.float32(), "microns per pixel of level 0; null where unknown", nullable=True),
        column("tissue", pa.float32(), "share of the slide that is tissue, 0..1", nullable=True),
        column("tiles", pa.int32(), "patches of it that are in the store"),
        column("reason", pa.string(), "why it cannot be used; null if it can", nullable=True),
        column("thumbnail", pa.binary(), "JPEG: tissue outlined, kept tiles drawn", nullable=True),
    ]
)
