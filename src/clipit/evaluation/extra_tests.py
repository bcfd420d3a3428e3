"""What a reader of a test on another data set must know beside its numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from clipit.evaluation.predictions import Predictions, taken


def of_classes_of(own: Predictions, here: Predictions) -> Predictions:
    """The items of a model's own test set whose class occurs on the other one: a mean over the same classes."""
    return taken(own, np.flatnonzero(np.isin(own.labels, np.unique(here.labels))))


def extra_notes(models: Sequence[Predictions], primary: Sequence[str], resamples: int) -> list[str]:
    """Notes on predictions that `predict_extra` wrote; what holds for several of `models` is said once."""
    told = dict.fromkeys(note for model in models for note in _of_labels(model))
    grouped = all(model.groups is not None for model in models)
    unit = "patients or slides" if grouped else "patches"
    notes = [
        f"Secondary: {primary[0]} − {primary[1]} here decides no verdict. The p values of this table are corrected "
        "together after Holm. No classifier was trained or chosen on these patches.",
        f"Brackets: 95% percentile bootstrap over {unit}, {resamples:,} resamples; p: sign-flip permutation by {unit}.",
        *told,
        "Own − here: the balanced accuracy on the models' own test set, over the classes that occur here, less the one "
        "here, without an interval: other patients, and perhaps other shares of the classes, are part of it.",
    ]
    if not grouped:
        notes.append("Where patients are unknown, intervals are too narrow: patches of one patient are alike.")
    return notes


def _of_labels(model: Predictions) -> Iterator[str]:
    noted: Mapping[str, Any] = model.facts["extra_test"]
    renamed = [f"{theirs} as {ours}" for theirs, ours in sorted(noted["classes"].items()) if theirs != ours]
    if renamed:
        yield f"Classes of this data set count as the models': {', '.join(renamed)}."
    if noted["unmapped"]:
        left_out = ", ".join(f"{name} ({count:,} patches)" for name, count in sorted(noted["unmapped"].items()))
        yield f"Left out, as no class of the models': {left_out}."
    if model.weak:
        yield "⚠ Weak labels: every tile has the label of its whole slide, also where it shows something else."
    if model.absent:
        yield f"No patch here is {' or '.join(model.absent)}: balanced accuracy is the mean over the other classes."
    if noted["seen"]:
        counts = ", ".join(f"{count:,} in {split}" for split, count in sorted(noted["seen"].items()))
        yield f"Left out, as their pixels are those of patches that the models were trained or chosen on: {counts}."
    if noted["shared"]:
        yield (
            f"⚠ Of {len(model.labels):,} patches {noted['shared']:,} have the pixels of patches of the models' own "
            "test set: they are tested twice."
        )
    if mpp := noted["mpp"]:
        yield (
            f"⚠ These patches have {mpp['here']:.3g} microns per pixel, those that the models were trained on "
            f"{mpp['own']:.3g}."
        )
