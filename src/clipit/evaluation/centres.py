"""A test set centre by centre: hospitals or scanners, where they are known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clipit.evaluation.figure import figure
from clipit.evaluation.predictions import Predictions


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

    {"centre", and what `figure` says}. A class that is absent there is in no mean.
    """
    split_up = [by_centre(seed) for seed in seeds]
    return [{"centre": name, **figure([found[name] for found in split_up], resamples)} for name in split_up[0]]


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
