"""One L2-normalised embedding a chunk of a report, by a retriever's text tower; chunks of a report follow each other.

Metadata: `tokens_read` (share), `tokens_total`, `policy`, `pooling`, `context_length`.
"""

import pyarrow as pa

from clipit.artifacts.schemas.column import column


def schema(d: int = 1) -> pa.Schema:
    """The schema for `d` dimensions (reading accepts any)."""
    return pa.schema(
        [
            column("report_id", pa.string(), "the report"),
            column("chunk", pa.int16(), "position of the chunk in the report; 0 = first"),
            column("start", pa.int32(), "first character of the chunk in the report's text"),
            column("stop", pa.int32(), "character after its last"),
            column("n_tokens", pa.int16(), "tokens of the chunk that the tower read, special ones included"),
            column("embedding", pa.list_(pa.float32(), d), "unit vector"),
        ]
    )
