"""What the phantom knows of a report; read by the audit alone."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("report_id", pa.string(), "the report"),
        column("finding", pa.int16(), "the report's primary finding"),
        column("label", pa.int16(), "class of the finding"),
        column("telling_word", pa.int32(), "words of the report before the sentence that tells the finding"),
    ]
)
