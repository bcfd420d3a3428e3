from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import predictions
from clipit.artifacts.tables import write_table

CLASSES = ["gland", "tumour", "stroma"]


@pytest.fixture
def write_predictions(tmp_path: Path) -> Callable[..., Path]:
    """Writes predictions of given quality on the same patches every time; returns the file."""

    def write(
        name: str, skill: float, seed: int = 0, *, groups: int | None = 24, n: int = 240, patches: str = "a",
        labels: np.ndarray | None = None, shuffle: bool = False, weak: bool = False, sources: np.ndarray | None = None,
        centres: list[str | None] | None = None, extra: dict[str, Any] | None = None,
        probabilities: np.ndarray | None = None,
    ) -> Path:  # fmt: skip
        rng = np.random.default_rng([seed, int(1000 * skill)])
        truth = np.arange(n) % len(CLASSES) if labels is None else labels
        logits = rng.normal(size=(len(truth), len(CLASSES)))
        logits[np.arange(len(truth)), truth] += skill
        prob = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        prob = prob if probabilities is None else probabilities
        order = rng.permutation(len(truth)) if shuffle else np.arange(len(truth))
        columns = {
            "patch_id": [f"p{i:04d}" for i in order],
            "split": ["val" if i % 5 == 0 else "test" for i in order],
            "label": truth[order].tolist(),
            "group": [None if groups is None else f"g{i // len(CLASSES) % groups}" for i in order],
            "centre": [None if centres is None else centres[i % len(centres)] for i in order],
            "source": [f"image{i}" if sources is None else f"image{sources[i]}" for i in order],
            "prob": prob[order].tolist(),
        }
        provenance = Origin("train", seed=seed).provenance(lineage={"patches": patches})
        path = tmp_path / name / "predictions.parquet"
        meta = {"classes": CLASSES, "weak_labels": weak} | ({} if extra is None else {"extra_test": extra})
        write_table(path, columns, predictions.SCHEMA, provenance, meta)
        return path

    return write
