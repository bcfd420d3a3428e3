"""What goes with an exported model: who made it of what, how good it is, what it is not for."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from clipit.statistics.wording import SYNTHETIC

_SHOWN = {
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "auroc": "AUROC, one class against the rest",
    "ece": "expected calibration error",
}


def model_card(
    description: Mapping[str, Any],
    form: str,
    metrics: Mapping[str, Any] | None,
    sources: Sequence[Mapping[str, Any]],
    *,
    synthetic: bool,
) -> str:
    """The README.md beside an exported model, Markdown with the front matter that the hub reads.

    Args:
        description: its `student.json`.
        form: one of `export.FORMATS`.
        metrics: the content of its metrics.json; None: it was not evaluated.
        sources: as `export.export_student` has them.
        synthetic: see there.
    """
    environment = Environment(
        loader=PackageLoader("clipit.prediction"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # Markdown, not HTML: nothing of a report's text enters
    test = None if metrics is None else metrics["splits"].get("test")
    return environment.get_template("model_card.md.jinja").render(
        description=description,
        form=form,
        backbone=description["backbone"].get("architecture", description["backbone"]["kind"]),
        patches=description.get("patches") or {},
        test=test,
        scores=[] if test is None else [(label, _score(test["metrics"][name])) for name, label in _SHOWN.items()],
        recalls=[] if test is None else [(one["name"], one["n"], _score(one["recall"])) for one in test["per_class"]],
        sources=sources,
        synthetic=SYNTHETIC if synthetic else None,
        provenance=description["provenance"],
    )


def _score(measured: Mapping[str, Any]) -> str:
    if measured["value"] is None:
        return f"none ({measured['reason']})"
    return f"{100 * measured['value']:.1f} [{100 * measured['low']:.1f}, {100 * measured['high']:.1f}]"
