"""Features of every patch by a frozen backbone, extracted once and shared by all runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import features as features_schema
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.tables import embedding_column, read_table, write_table
from clipit.training.colour import colour_features


def extract_features(
    store: Path,
    patches: Path,
    out: Path,
    *,
    backbone: Mapping[str, Any] | Literal["colour"],
    batch: int,
    device: str,
    threads: int,
    precision: Literal["fp32", "bf16"],
    origin: Origin,
) -> None:
    """Writes the features of all patches, in the store's order, not normalised.

    Args:
        store: the patch store.
        patches: patches.parquet of the store.
        out: the table to write.
        backbone: what `open_backbone` takes, or "colour" (no network; torch is not even imported).
        batch: patches at a time.
        device: a torch device.
        threads: torch threads.
        precision: arithmetic of the backbone.
        origin: who asks.
    """
    table = read_table(patches, patches_schema.SCHEMA)
    lineage, rows = dict(table.lineage), table.column("index")
    if backbone == "colour":
        features = colour_features(PatchStore(store), rows, batch=batch)
    else:
        # Imported here: colour features need none of it, and these imports cost more than they do.
        import torch

        from clipit.models.inference import predict_features
        from clipit.training.backbones import open_backbone

        torch.set_num_threads(threads)
        opened, _ = open_backbone(backbone)
        lineage["backbone"] = opened.digest
        features = predict_features(
            opened.module,
            opened.transform,
            PatchStore(store),
            rows,
            batch=batch,
            device=device,
            precision=precision,
        )
    schema = features_schema.schema(features.shape[1])
    columns = {"patch_id": pa.array(table.column("patch_id"), pa.string()), "embedding": embedding_column(features)}
    write_table(out, columns, schema, origin.provenance(lineage=lineage, inputs={"patches": patches}))
