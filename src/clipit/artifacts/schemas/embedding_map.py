"""Test patches in the plane of the two first principal components of their features, before and after training.

Metadata: `classes`, `variant` and `seed` of the trained model, `n` test patches in all, `neighbours`, `grouped`; under
`before` and `after`, of the features in all dimensions, `variance`, the shares of the two axes, and `agreement`, the
share of a patch's nearest neighbours that are of its class (`chance`: of all patches that could be).
"""

import pyarrow as pa

from clipit.artifacts.schemas.column import column

SCHEMA = pa.schema(
    [
        column("patch_id", pa.string(), "the patch"),
        column("label", pa.int16(), "its class, index into `classes` (metadata)"),
        column("before_x", pa.float32(), "first component of the frozen backbone's features"),
        column("before_y", pa.float32(), "second component of them"),
        column("after_x", pa.float32(), "first component of the trained student's features"),
        column("after_y", pa.float32(), "second component of them"),
    ]
)
