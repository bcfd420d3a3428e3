"""Where in a patch a model finds what speaks for the class that it says.

Metadata: `classes`, `seeds` (of each variant the seed of the model), `steps` of the integration.
"""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("patch_id", pa.string(), "the patch"),
        column("variant", pa.string(), "the model's variant"),
        column("class", pa.int16(), "the class that the model says, index into `classes` (metadata)"),
        column("probability", pa.float32(), "the model's probability of that class"),
        column("map", pa.list_(pa.float32()), "a square of cells, row by row, nats; positive: speaks for the class"),
        column("change", pa.float32(), "log-probability of the class less that of a white patch, nats"),
        column("error", pa.float32(), "sum of `map` less `change`, nats; 0 if the integration were exact"),
    ]
)
