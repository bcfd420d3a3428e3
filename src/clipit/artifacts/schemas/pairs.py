"""The reports paired with every patch, best first; at least 10 ranks or the whole corpus."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("patch_id", pa.string(), "the patch"),
        column("rank", pa.int16(), "0 = best"),
        column("report_id", pa.string(), "the report"),
        column("chunk", pa.int16(), "the chunk of the report that is most similar to the image"),
        column("similarity", pa.float32(), "cosine of image and report embedding; late pooling: of its best chunk's"),
        column("score", pa.float32(), "what the ranking is by, after the method's correction"),
        column(
            "weight", pa.float32(), "share of the report in the patch's target; sums to 1 over a patch, 0 = unused rank"
        ),
    ]
)
