"""What a reader of a test on another data set must know beside its numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clipit.evaluation.predictions import Predictions


def extra_notes(models: Sequence[Predictions], primary: Sequence[str]) -> list[str]:
    """Notes on predictions that `predict_extra` wrote; what holds for several of `models` is said once."""
    told = dict.fromkeys(note for model in models for note in _of_labels(model))
    return [
        f"Secondary: {primary[0]} − {primary[1]} here decides no verdict. The p values of this table are corrected "
        "together after Holm. Nothing was trained or chosen on these patches.",
        *told,
        "Own − here: the balanced accuracy on the models' own test set less the one here, without an interval: other "
        "patients, and perhaps other shares of the classes, are part of it.",
    ]


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
    if noted["shared"]:
        counts = ", ".join(f"{count:,} in {split}" for split, count in sorted(noted["shared"].items()))
        yield f"⚠ Of {len(model.labels):,} patches some have the pixels of the models' own data set's: {counts}."
    if mpp := noted["mpp"]:
        yield (
            f"⚠ These patches have {mpp['here']:.3g} microns per pixel, those that the models were trained on "
            f"{mpp['own']:.3g}."
        )
