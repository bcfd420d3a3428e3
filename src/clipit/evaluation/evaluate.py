"""Metrics of one run, with bootstrap intervals, from its predictions."""

from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import write_json
from clipit.evaluation.bootstrap import resample_metrics
from clipit.evaluation.predictions import Predictions, read_predictions
from clipit.statistics.metrics import METRICS, all_metrics, confusion
from clipit.statistics.resampling import interval


def evaluate(predictions: Path, out: Path, *, variant: str, resamples: int, origin: Origin) -> None:
    """Writes the metrics of every split in `predictions` (a run's `predictions.parquet`) to `out`, a JSON document.

    Values are shares in 0..1 with 95% percentile bootstrap intervals. The AUROC is null, with a reason, where a class
    does not occur. `train_labels` and `diagnostics` are what training noted of the model, null where it did not.
    """
    splits = read_predictions(predictions)
    first = next(iter(splits.values()))
    content = {
        "variant": variant,
        "seed": origin.seed,
        "classes": list(first.classes),
        "weak_labels": first.weak,
        "train_labels": first.facts.get("train_labels"),
        "diagnostics": first.facts.get("diagnostics"),
        "splits": {name: _measure(split, resamples) for name, split in splits.items()},
    }
    write_json(out, content, origin.provenance(lineage=first.lineage, inputs={"predictions": predictions}))


def _measure(split: Predictions, resamples: int) -> dict[str, Any]:
    once = np.ones((1, len(split.labels)))
    values = all_metrics(split.labels, split.probabilities, once)
    samples = resample_metrics([split], resamples)[0]
    metrics: dict[str, Any] = {}
    for name in METRICS:
        if name == "auroc" and split.absent:
            reason = f"no patch of class {', '.join(split.absent)}"
            metrics[name] = {"value": None, "low": None, "high": None, "reason": reason}
            continue
        low, high = interval(samples[name])
        metrics[name] = {"value": float(values[name][0]), "low": low, "high": high}
    counts = confusion(split.labels, split.probabilities.argmax(axis=1), len(split.classes), once)[0]
    return {
        "n": len(split.labels),
        "n_groups": split.n_groups,
        "metrics": metrics,
        "confusion": counts.astype(int).tolist(),
    }
