"""Metrics of one run, with bootstrap intervals, from its predictions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import write_json
from clipit.evaluation.bootstrap import resample_metrics
from clipit.evaluation.centres import centre_figures
from clipit.evaluation.drawn import reliability, roc_curves
from clipit.evaluation.levels import LEVELS, at_level
from clipit.evaluation.predictions import Predictions, read_predictions
from clipit.statistics.metrics import METRICS, NEED_ALL_CLASSES, OF_A_CLASS, all_metrics, confusion
from clipit.statistics.resampling import interval


def evaluate(predictions: Path, out: Path, *, variant: str, resamples: int, origin: Origin) -> None:
    """Writes the metrics of every split in `predictions` (a run's `predictions.parquet`) to `out`, a JSON document.

    Each value has a 95% percentile bootstrap interval; one that cannot be computed is null, with a reason. `levels` has
    the same of whole images (`image`) and of slides or patients (`group`), where `levels.at_level` gives any.
    `calibration` and `roc` are what is drawn. Where two centres or more are known, `centres` of the test split has the
    balanced accuracy in each (`centres.centre_figures`). `train_labels` and `diagnostics` are what training noted of
    the model, and `extra_test` what a test on another data set noted of that, null where it did not.
    """
    splits = read_predictions(predictions)
    first = next(iter(splits.values()))
    content: dict[str, Any] = {
        "variant": variant,
        "seed": origin.seed,
        "classes": list(first.classes),
        "weak_labels": first.weak,
        "train_labels": first.facts.get("train_labels"),
        "diagnostics": first.facts.get("diagnostics"),
        "extra_test": first.facts.get("extra_test"),
        "splits": {name: _measure(split, resamples) for name, split in splits.items()},
    }
    if "test" in splits:
        content["splits"]["test"]["centres"] = centre_figures([splits["test"]], resamples)
    write_json(out, content, origin.provenance(lineage=first.lineage, inputs={"predictions": predictions}))


def _measure(split: Predictions, resamples: int) -> dict[str, Any]:
    levels = {level: found for level in LEVELS if (found := at_level(split, level)) is not None}
    return {
        **_of_items(split, resamples),
        "levels": {level: _of_items(found, resamples) for level, found in levels.items()},
        "calibration": reliability(split),
        "roc": roc_curves(split),
    }


def _of_items(split: Predictions, resamples: int) -> dict[str, Any]:
    once = np.ones((1, len(split.labels)))
    values = all_metrics(split.labels, split.probabilities, once)
    samples = resample_metrics([split], resamples)[0]
    metrics: dict[str, Any] = {}
    for name in METRICS:
        if name in NEED_ALL_CLASSES and split.absent:
            reason = f"no patch of class {', '.join(split.absent)}"
            metrics[name] = {"value": None, "low": None, "high": None, "reason": reason}
            continue
        metrics[name] = _measured(float(values[name][0]), samples[name], "one class is all there is")
    counts = confusion(split.labels, split.probabilities.argmax(axis=1), len(split.classes), once)[0]
    return {
        "n": len(split.labels),
        "n_groups": split.n_groups,
        "metrics": metrics,
        "per_class": [_of_class(split, c, counts, values, samples) for c in range(len(split.classes))],
        "confusion": counts.astype(int).tolist(),
    }


def _of_class(
    split: Predictions, c: int, counts: np.ndarray, values: Mapping[str, np.ndarray], samples: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    reasons = {"recall": "no patch is of it", "precision": "no patch is called so"}
    found = {name: _measured(float(values[name][0, c]), samples[name][:, c], reasons[name]) for name in OF_A_CLASS}
    return {"name": split.classes[c], "n": int(counts[c].sum()), **found}


def _measured(value: float, samples: np.ndarray, reason: str) -> dict[str, Any]:
    if np.isnan(value):
        return {"value": None, "low": None, "high": None, "reason": reason}
    low, high = interval(samples)
    return {"value": value, "low": low, "high": high}
