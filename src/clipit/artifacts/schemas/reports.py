"""A corpus of reports, cleaned, duplicates folded."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("report_id", pa.string(), "unique name of the report"),
        column("text", pa.string(), "the cleaned text, its lines kept"),
        column("organ", pa.string(), "organ, where known", nullable=True),
        column("patient", pa.string(), "patient, where known", nullable=True),
        column("n_words", pa.int32(), "whitespace-separated words of the text"),
        column("source", pa.string(), "where it comes from: file, and row or line"),
        column("sha256", pa.string(), "SHA-256 of the text with a space for each line break, hexadecimal"),
        column("duplicates", pa.list_(pa.string()), "ids of the reports with the same text folded into this one"),
    ]
)
