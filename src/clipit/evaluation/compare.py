"""An experiment's table: every variant with its interval over patients, and its difference from the control."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from clipit.artifacts.atomic import write_text
from clipit.artifacts.provenance import Origin, check_lineage, file_digest
from clipit.artifacts.tables import read_json, write_json
from clipit.evaluation.beside import beside
from clipit.evaluation.bootstrap import resample_metrics
from clipit.evaluation.centres import centre_figures
from clipit.evaluation.extra_tests import extra_notes, of_classes_of
from clipit.evaluation.figure import few, figure
from clipit.evaluation.independent import independent_tests
from clipit.evaluation.levels import level_figures
from clipit.evaluation.predictions import Predictions, read_predictions
from clipit.evaluation.selection import choose, notes_of
from clipit.evaluation.significance import contributions, effect_size, holm, sign_flip_p
from clipit.evaluation.table_text import as_csv, as_markdown
from clipit.evaluation.verdict import PRIMARY, verdict
from clipit.runtime.errors import UserError
from clipit.statistics.metrics import METRICS
from clipit.statistics.resampling import interval
from clipit.statistics.wording import SYNTHETIC

# A gain is the text's only where the same training gains less on the retriever's image embeddings and random reports.
TEXT_CONTROLS = {
    "clipit": ("image_distillation", "random_pairing"),
    "clipit_unlabelled": ("image_distillation_unlabelled", "random_unlabelled", "pseudo_label"),
}
# Asked for where it was run: reports dealt anew are the very ones that `clipit` has, and say nothing of the image.
FURTHER_CONTROLS = {"clipit": ("shuffled_text",)}
WEAK = (
    "every tile has the label of its whole slide, also where it shows something else. The numbers tell how well tiles "
    "are given their slides' labels, not whether that is what they show."
)

Row = Mapping[str, str | None]
T = TypeVar("T")


@dataclass
class _Entry:
    """A line of the table: one variant under one row of labels, with all its seeds."""

    row: Row
    variant: str
    runs: list[Mapping[str, Any]] = field(default_factory=list)
    measured: list[Mapping[str, Any]] = field(default_factory=list)
    train_labels: list[int | None] = field(default_factory=list)
    models: list[Predictions] = field(default_factory=list)
    samples: list[dict[str, np.ndarray]] = field(default_factory=list)

    def mean_samples(self, metric: str) -> np.ndarray:
        """The seed-averaged metric in every resample."""
        return np.mean([sample[metric] for sample in self.samples], axis=0)


def compare(
    runs: Sequence[Mapping[str, Any]],
    out_csv: Path,
    out_md: Path,
    out_json: Path,
    *,
    synthetic: bool = False,
    cautions: Sequence[str] = (),
    published: Sequence[Mapping[str, Any]] = (),
    extra_tests: Sequence[Mapping[str, Any]] = (),
    origin: Origin,
    primary: Sequence[str] = PRIMARY,
    resamples: int = 2000,
) -> None:
    """Writes one experiment's table as CSV, Markdown and JSON.

    Each of `runs` is {"row": labels such as dataset or backbone, "variant", "seed", "candidate": its values of the
    settings that are lists, "metrics": path, "predictions": path, "extra": the latter two of each extra test, by its
    id}. Of a variant's candidates the best on validation counts; all that is shown is measured on the test split.
    `primary` names the one comparison that is made in any case; the p values of all others are corrected after Holm.
    `cautions` are shown among the notes, `published` numbers (`config.literature.published`) beside ours. Each of
    `extra_tests`, {"id", "dataset", "split"}, gets a table of its own of the same models, all whose comparisons are
    secondary. `levels` has the balanced accuracy of whole images and of patients or slides, where patches make up such;
    `centres` that in each centre, where two are known.

    Raises:
        UserError: no run, a run without test patches, or variants of one row tested on different patches.
    """
    if not runs:
        raise UserError("an experiment without runs has no table: give it at least one variant and one seed")
    runs, choices = choose(runs)
    entries = _measure(runs, resamples)
    comparisons = _compare(entries, primary)
    lines = [_line(entry, comparisons, primary[1]) for entry in entries]
    content: dict[str, Any] = {
        "primary": list(primary),
        "columns": list(dict.fromkeys(key for entry in entries for key in entry.row)),
        "rows": lines,
        "comparisons": comparisons,
        "notes": [SYNTHETIC] * synthetic + list(cautions) + notes_of(choices) + _notes(lines, comparisons, resamples),
        "choices": choices,
        "published": beside(lines, published),
        "levels": _parts(entries, level_figures, resamples),
        "centres": _parts(entries, centre_figures, resamples),
        "extra_tests": [_elsewhere(extra, runs, entries, primary, resamples) for extra in extra_tests],
        "verdicts": [
            verdict(row, comparisons, primary, _text_controls(entries)) for row in _contexts(entries, primary)
        ],
    }
    inputs = {f"{run['variant']}/seed{run['seed']}/{i}": run["predictions"] for i, run in enumerate(runs)}
    for extra in extra_tests:
        inputs |= {
            f"{run['variant']}/seed{run['seed']}/{i}/{extra['id']}": run["extra"][extra["id"]]["predictions"]
            for i, run in enumerate(runs)
        }
    write_text(out_csv, as_csv(content))
    write_text(out_md, as_markdown(content, title=out_md.stem))
    write_json(out_json, content, origin.provenance(inputs=inputs))


def _measure(runs: Sequence[Mapping[str, Any]], resamples: int) -> list[_Entry]:
    """One entry for each row and variant, in order of appearance; runs tested on the same items share resamples."""
    entries: dict[str, _Entry] = {}
    same_items: dict[str, list[tuple[_Entry, Predictions]]] = {}
    for run in runs:
        fresh = _Entry(dict(run["row"]), run["variant"])
        entry = entries.setdefault(str((run["row"], run["variant"])), fresh)
        splits, metrics = read_predictions(run["predictions"]), _metrics_of(run)
        if "test" not in splits:
            raise UserError(f"{run['predictions']} has no test patches: give the data set a test split")
        entry.runs.append(run)
        entry.measured.append(metrics["splits"]["test"]["metrics"])
        entry.train_labels.append(metrics["train_labels"])
        entry.models.append(splits["test"])
        same_items.setdefault(splits["test"].items, []).append((entry, splits["test"]))
    for shared in same_items.values():
        samples = resample_metrics([model for _, model in shared], resamples)
        for (entry, _), sample in zip(shared, samples, strict=True):
            entry.samples.append(sample)
    return list(entries.values())


def _elsewhere(
    extra: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    own: Sequence[_Entry],
    primary: Sequence[str],
    resamples: int,
) -> dict[str, Any]:
    """The table of the same runs on another data set; `own` is what was measured of them on their own test set."""
    entries = _measure([{**run, **run["extra"][extra["id"]]} for run in runs], resamples)
    comparisons = _compare(entries, primary, secondary=True)
    lines = [_line(entry, comparisons, primary[1]) for entry in entries]
    for line, entry, before in zip(lines, entries, own, strict=True):
        line["own"] = figure([of_classes_of(model, entry.models[0]) for model in before.models], resamples)
        line["drop"] = line["own"]["mean"] - line["metrics"]["balanced_accuracy"]["mean"]
    return {
        **extra,
        "primary": list(primary),
        "columns": list(dict.fromkeys(key for entry in entries for key in entry.row)),
        "rows": lines,
        "comparisons": comparisons,
        "levels": _parts(entries, level_figures, resamples),
        "centres": _parts(entries, centre_figures, resamples),
        "notes": extra_notes([entry.models[0] for entry in entries], primary, resamples),
    }


def _parts(
    entries: Sequence[_Entry], figures: Callable[[Sequence[Predictions], int], list[dict[str, Any]]], resamples: int
) -> list[dict[str, Any]]:
    """The figures of each entry: of the centres of the test set, or of its whole images and patients."""
    return [
        {"row": entry.row, "variant": entry.variant, **found}
        for entry in entries
        for found in figures(entry.models, resamples)
    ]


def _metrics_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run's metrics, after a look at whether they were measured on its predictions."""
    metrics = read_json(run["metrics"])
    if metrics["provenance"]["inputs"]["predictions"] != file_digest(run["predictions"]):
        raise UserError(f"{run['metrics']} is not of {run['predictions']}: delete it and run snakemake again")
    return metrics


def _compare(entries: Sequence[_Entry], primary: Sequence[str], *, secondary: bool = False) -> list[dict[str, Any]]:
    """Every variant minus the control, and the text variants minus their text controls, with p values.

    Holm's correction is made over the primary comparisons of all rows, and apart from that over all the others.
    Where all are `secondary`, none is primary.
    """
    found, controls = [], _text_controls(entries)
    for entry in entries:
        for against in dict.fromkeys((primary[1], *controls.get(entry.variant, ()))):
            other = the_match(entry.row, [(other.row, other) for other in entries if other.variant == against])
            if other is not None and other is not entry:
                is_primary = not secondary and [entry.variant, against] == list(primary)
                found.append(_difference(entry, other, is_primary))
    for is_primary in (True, False):
        family = [one for one in found if one["primary"] is is_primary]
        for one, p in zip(family, holm([one["p"] for one in family]), strict=True):
            one["p_adjusted"] = p
    return found


def _text_controls(entries: Sequence[_Entry]) -> dict[str, tuple[str, ...]]:
    run = {entry.variant for entry in entries}
    return {
        variant: (*controls, *(one for one in FURTHER_CONTROLS.get(variant, ()) if one in run))
        for variant, controls in TEXT_CONTROLS.items()
    }


def _difference(entry: _Entry, other: _Entry, is_primary: bool) -> dict[str, Any]:
    first = other.models[0]
    for model in (*entry.models, *other.models):
        check_lineage(_patches(first), _patches(model))
        if model.items != first.items:
            raise UserError(f"{model.path} and {first.path} are of different test patches: run snakemake again")
    units = contributions(entry.models, other.models)
    low, high = interval(entry.mean_samples("balanced_accuracy") - other.mean_samples("balanced_accuracy"))
    return {
        "row": entry.row,
        "variant": entry.variant,
        "against": other.variant,
        "primary": is_primary,
        "value": float(units.sum()),
        "low": low,
        "high": high,
        "p": sign_flip_p(units),
        "effect_size": effect_size(units),
        "unit": "patch" if entry.models[0].groups is None else "group",
        "independent": independent_tests(entry.models, other.models),
    }


def _patches(model: Predictions) -> tuple[str, Mapping[str, str]]:
    return str(model.path), {name: digest for name, digest in model.lineage.items() if name == "patches"}


def _line(entry: _Entry, comparisons: Sequence[Mapping[str, Any]], control: str) -> dict[str, Any]:
    test, metrics = entry.models[0], {}
    for name in METRICS:
        values = [measured[name]["value"] for measured in entry.measured]
        if None in values:
            reason = entry.measured[values.index(None)][name]["reason"]
            metrics[name] = {"mean": None, "std": None, "low": None, "high": None, "reason": reason}
            continue
        low, high = interval(entry.mean_samples(name))
        std = float(np.std(values, ddof=1)) if len(values) > 1 else None
        metrics[name] = {"mean": float(np.mean(values)), "std": std, "low": low, "high": high}
    key = (entry.row, entry.variant, control)
    own = (c for c in comparisons if (c["row"], c["variant"], c["against"]) == key)
    return {
        "row": entry.row,
        "variant": entry.variant,
        "n_seeds": len(entry.runs),
        "n_items": len(test.labels),
        "n_groups": test.n_groups,
        "weak_labels": test.weak,
        "train_labels": None if None in entry.train_labels else float(np.mean(entry.train_labels)),  # type: ignore[arg-type]
        "metrics": metrics,
        "difference": next(own, None),
        "warning": few(test.n_groups, len(entry.runs)),
        "seeds": [
            {
                "seed": run["seed"],
                "metrics": {name: measured[name]["value"] for name in METRICS},
            }
            for run, measured in zip(entry.runs, entry.measured, strict=True)
        ],
    }


def _notes(lines: Sequence[Mapping[str, Any]], comparisons: Sequence[Mapping[str, Any]], resamples: int) -> list[str]:
    grouped = [line["n_groups"] is not None for line in lines]
    unit = "patients or slides" if any(grouped) else "patches"
    if any(grouped) and not all(grouped):
        unit += " where known, else patches"
    several = sum(one["primary"] for one in comparisons) > 1
    corrected = "the primary comparisons of all rows are corrected together after Holm, and so are all others"
    notes = [
        f"Brackets: 95% percentile bootstrap over {unit}, {resamples:,} resamples, of the value averaged over seeds, "
        "not corrected for the number of comparisons. ±: standard deviation over seeds.",
        f"p: sign-flip permutation by {unit}; "
        + (f"{corrected}." if several else "all but the primary comparison are corrected after Holm."),
        "Intervals and p values are conditional on the seeds, and on the one draw of labelled patches, retriever and "
        "backbone that all seeds share: they do not show how results vary from one training to the next.",
    ]
    if weak := dict.fromkeys(line["row"].get("dataset") or "this data set" for line in lines if line["weak_labels"]):
        notes.insert(0, f"Labels are weak in {', '.join(weak)}: {WEAK}")
    if not all(grouped):
        notes.append("Where patients are unknown, intervals are too narrow: patches of one patient are alike.")
    return notes


def _contexts(entries: Sequence[_Entry], primary: Sequence[str]) -> list[Row]:
    """The rows to give a verdict on: those with the primary variant, else the first."""
    rows = [entry.row for entry in entries if entry.variant == primary[0]]
    return rows or [entries[0].row]


def the_match(row: Row, candidates: Sequence[tuple[Row, T]]) -> T | None:
    """The one candidate whose row agrees on every label that both have (a run without text has no corpus, for one).

    None where there is no such candidate or more than one: colour, which has no backbone, has no control of its own
    among the students of two backbones.
    """
    agreeing = [
        found
        for other, found in candidates
        if all(None in (row[key], other[key]) or row[key] == other[key] for key in row.keys() & other.keys())
    ]
    return agreeing[0] if len(agreeing) == 1 else None
