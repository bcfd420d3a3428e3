"""What a trained model says of the labelled val and test patches."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.schemas import predictions as predictions_schema
from clipit.artifacts.tables import write_table
from clipit.training.examples import Examples

EVALUATED = ("val", "test")


def evaluated(examples: Examples) -> np.ndarray:
    """Positions of the patches that predictions are written for."""
    return examples.labelled(*EVALUATED)


def write_predictions(
    out: Path,
    examples: Examples,
    probabilities: np.ndarray,
    provenance: Mapping[str, Any],
    splits: Sequence[str] = EVALUATED,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Writes `probabilities`, float32 (patches, C), one row for each labelled patch of `splits`.

    `facts` of the model join the metadata, and so its metrics: `train_labels`, `diagnostics` by split, `extra_test`.
    """
    chosen = examples.labelled(*splits)
    columns = {
        "patch_id": examples.patch_id[chosen],
        "split": examples.split[chosen],
        "label": examples.label[chosen],
        "group": [examples.group[i] for i in chosen],
        "source": [examples.source[i] for i in chosen],
        "centre": [examples.centre[i] for i in chosen],
        "prob": list(probabilities),
    }
    meta = {"classes": list(examples.classes), "weak_labels": examples.weak, **(facts or {})}
    write_table(out, columns, predictions_schema.SCHEMA, provenance, meta)
