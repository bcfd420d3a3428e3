"""The outcome of the primary comparison in words, the same care taken over a negative one."""

from collections.abc import Mapping, Sequence
from typing import Any

from clipit.statistics.wording import bracket, p_value, points

ALPHA = 0.05
PRIMARY = ("clipit", "lora_only")
"""The variant that an experiment is about, and its control."""


def verdict(
    row: Mapping[str, str | None],
    comparisons: Sequence[Mapping[str, Any]],
    primary: Sequence[str],
    text_controls: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """{"row", "outcome", "text", "controls"} for the runs under `row`.

    `outcome` is one of text_helps, better, no_evidence, worse, missing; `text` is a sentence, and `controls` are
    sentences on whether a gain is the text's. An outcome is text_helps only where the variant also beats every one of
    its text controls.
    """
    variant, against = primary
    found = _find(comparisons, row, variant, against)
    if found is None:
        text = f"{variant} − {against} cannot be computed: the experiment does not hold both variants"
        return {"row": dict(row), "outcome": "missing", "text": text, "controls": []}
    controls = {name: _find(comparisons, row, variant, name) for name in text_controls.get(variant, ())}
    if _better(found):
        beaten = controls and all(control and _better(control) for control in controls.values())
        outcome = "text_helps" if beaten else "better"
    else:
        outcome = "worse" if _worse(found) else "no_evidence"
    words = {
        "text_helps": "text helps here",
        "better": f"better than {against}, but no evidence that it is the text",
        "no_evidence": "no evidence that text helps here",
        "worse": f"worse than {against}",
    }
    return {
        "row": dict(row),
        "outcome": outcome,
        "text": f"{variant} − {against} = {sentence(found)}: {words[outcome]}",
        "controls": [_control(variant, name, control) for name, control in controls.items()],
    }


def _control(variant: str, name: str, control: Mapping[str, Any] | None) -> str:
    claim = f"A claim on text needs {variant} > {name} too"
    if control is None:
        return f"{claim}: {name} was not run."
    holds = "it is" if _better(control) else "it is worse" if _worse(control) else "not shown"
    return f"{claim}: {variant} − {name} = {sentence(control)}: {holds}."


def sentence(difference: Mapping[str, Any]) -> str:
    """'+1.2 points [−0.8, 3.1], p = 0.24': a difference of balanced accuracies in percentage points."""
    return f"{points(difference['value'])} points {bracket(difference)}, {p_value(difference['p_adjusted'])}"


def _better(difference: Mapping[str, Any]) -> bool:
    return difference["p_adjusted"] < ALPHA and difference["value"] > 0


def _worse(difference: Mapping[str, Any]) -> bool:
    return difference["p_adjusted"] < ALPHA and difference["value"] < 0


def _find(
    comparisons: Sequence[Mapping[str, Any]], row: Mapping[str, str | None], variant: str, against: str
) -> Mapping[str, Any] | None:
    return next(
        (c for c in comparisons if c["row"] == row and c["variant"] == variant and c["against"] == against), None
    )
