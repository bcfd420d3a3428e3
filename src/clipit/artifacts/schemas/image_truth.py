"""What the phantom knows of a patch; read by the audit alone."""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("patch_id", pa.string(), "the patch"),
        column("finding", pa.int16(), "latent finding (class x grade x inflammation)"),
        column("label", pa.int16(), "class of the finding"),
    ]
)
