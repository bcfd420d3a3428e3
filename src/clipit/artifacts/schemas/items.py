"""What a data set consists of, before any pixel is decoded: fixes N and the order."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("index", pa.int64(), "row of the patch store"),
        column("patch_id", pa.string(), "unique name of the patch"),
        column(
            "source",
            pa.string(),
            "where its pixels come from: a path relative to the data set, or the generator's own name",
        ),
        column("group", pa.string(), "patient or slide; null where unknown", nullable=True),
        column("centre", pa.string(), "hospital or scanner; null where unknown", optional=True),
        column("x", pa.int32(), "left edge in the source, level-0 pixels"),
        column("y", pa.int32(), "top edge in the source, level-0 pixels"),
        column("width", pa.int32(), "side in the source, level-0 pixels; 0 = the whole image"),
        column("mpp", pa.float32(), "microns per pixel of the stored patch; null where unknown", nullable=True),
    ]
)
