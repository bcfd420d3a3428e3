"""Predictions of whole images, slides or patients, from those of their patches."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clipit.artifacts.provenance import json_digest
from clipit.evaluation.figure import figure
from clipit.evaluation.predictions import Predictions

LEVELS = ("image", "group")


def at_level(patches: Predictions, level: str) -> Predictions | None:
    """One item for each image (`image`: what patches were cut from) or patient or slide (`group`).

    Its probabilities are the mean of its patches', its label is theirs. None where that is nothing of its own: every
    item has one patch, some patch's is unknown, or patches of one item are of several classes.
    """
    owner = patches.sources if level == "image" else patches.groups
    if owner is None:
        return None
    n = int(owner.max()) + 1
    first = np.full(n, -1)
    first[owner[::-1]] = np.arange(len(owner))[::-1]
    labels = patches.labels[first]
    if n == len(owner) or np.any(labels[owner] != patches.labels):
        return None
    sizes = np.bincount(owner, minlength=n)
    sums = np.zeros((n, patches.probabilities.shape[1]))
    np.add.at(sums, owner, patches.probabilities)
    groups = None if level == "group" or patches.groups is None else patches.groups[first]
    return replace(
        patches,
        labels=labels,
        groups=groups,
        sources=None,
        centres=None,
        probabilities=sums / sizes[:, None],
        items=json_digest([patches.items, level]),
    )


def level_figures(seeds: Sequence[Predictions], resamples: int) -> list[dict[str, Any]]:
    """Balanced accuracy at each level of its own: {"level", and what `figure` says}."""
    figures = []
    for level in LEVELS:
        models = [found for seed in seeds if (found := at_level(seed, level)) is not None]
        if models:
            figures.append({"level": level, **figure(models, resamples)})
    return figures
