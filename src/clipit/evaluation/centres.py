"""A test set centre by centre: hospitals or scanners, where they are known."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clipit.evaluation.figure import figure
from clipit.evaluation.predictions import Predictions, taken


def by_centre(split: Predictions) -> dict[str, Predictions]:
    """The predictions of each centre, by name; none where fewer than two are known.

    Patches of unknown ones are left out. For metrics alone: `items` stays that of the whole.
    """
    if split.centres is None:
        return {}
    names = sorted({name for name in split.centres if name is not None})
    if len(names) < 2:
        return {}
    return {name: taken(split, np.flatnonzero(split.centres == name)) for name in names}


def centre_figures(seeds: Sequence[Predictions], resamples: int) -> list[dict[str, Any]]:
    """Of each centre: balanced accuracy, of one model or of several trainings on the same items, averaged.

    {"centre", and what `figure` says}. A class that is absent there is in no mean.
    """
    split_up = [by_centre(seed) for seed in seeds]
    return [{"centre": name, **figure([found[name] for found in split_up], resamples)} for name in split_up[0]]
