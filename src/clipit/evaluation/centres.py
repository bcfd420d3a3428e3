"""A test set centre by centre: hospitals or scanners, where they are known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clipit.evaluation.bootstrap import resample_balanced_accuracy
from clipit.evaluation.predictions import Predictions
from clipit.statistics.metrics import balanced_accuracy_of
from clipit.statistics.resampling import interval


def by_centre(split: Predictions) -> dict[str, Predictions]:
    """The predictions of each centre, by name; none where fewer than two are known.

    Patches of unknown ones are left out. For metrics alone: `items` stays that of the whole.
    """
    if split.centres is None:
        return {}
    names = sorted({name for name in split.centres if name is not None})
    if len(names) < 2:
        return {}
    return {name: _rows(split, np.flatnonzero(split.centres == name)) for name in names}


def centre_figures(seeds: Sequence[Predictions], resamples: int) -> list[dict[str, Any]]:
    """Of each centre: balanced accuracy, of one model or of several trainings on the same items, averaged.

    {"centre", "n", "n_groups", "absent": classes without a patch there, "values": of each training, "mean", "std": over
    them, None of one, "low", "high": the 95% interval of the mean over patients}. A class that is absent is in no mean.
    """
    figures = []
    split_up = [by_centre(seed) for seed in seeds]
    for name, first in split_up[0].items():
        models = [found[name] for found in split_up]
        values = [balanced_accuracy_of(model.labels, model.probabilities.argmax(axis=1)) for model in models]
        low, high = interval(np.mean(resample_balanced_accuracy(models, resamples), axis=0))
        figures.append(
            {
                "centre": name,
                "n": len(first.labels),
                "n_groups": first.n_groups,
                "absent": first.absent,
                "values": values,
                "mean": float(np.mean(values)),
                "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
                "low": low,
                "high": high,
            }
        )
    return figures


def _rows(split: Predictions, rows: np.ndarray) -> Predictions:
    groups = None if split.groups is None else np.unique(split.groups[rows], return_inverse=True)[1]
    return replace(
        split,
        labels=split.labels[rows],
        probabilities=split.probabilities[rows],
        groups=groups,
        sources=None,
        centres=None,
    )
