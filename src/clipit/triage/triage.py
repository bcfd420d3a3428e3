"""Whether pairing is worth a LoRA run, from embeddings alone: no backbone is loaded, no test patch is looked at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.paired_reports import PairedReports, read_paired_reports, report_names
from clipit.artifacts.provenance import Origin
from clipit.artifacts.report_vectors import read_report_vectors
from clipit.artifacts.tables import agree, write_json
from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress
from clipit.statistics.pairings import agreement, report_use
from clipit.statistics.resampling import interval
from clipit.statistics.wording import SYNTHETIC
from clipit.triage.classify import probe, score, zero_shot
from clipit.triage.examples import read_embeddings, read_examples, read_said
from clipit.triage.verdict import judge

SCOPE = (
    "All figures are of train and val patches. They say what the reports know of the classes, not whether the backbone "
    "knows it already: only a run tells that."
)


def triage(
    contexts: Sequence[Mapping[str, Any]],
    out: Path,
    *,
    synthetic: bool = False,
    cautions: Sequence[str] = (),
    origin: Origin,
    resamples: int = 2000,
) -> None:
    """Writes what embeddings tell of an experiment's pairings, and a verdict on each.

    Args:
        contexts: {"row": {"dataset", "corpus", "retriever"}, paths "patches", "splits", "labels", "image_embeddings"
            (a list of parts), "class_prompts", "report_embeddings", "floor" (predictions of the teacher on random
            reports), and "pairings": [{"pairing", "method", "control", "chosen", "pairs", "teacher" (its
            predictions)}]}.
        out: JSON document to write.
        synthetic: the experiment rests on the phantom.
        cautions: shown among the notes.
        origin: who asks.
        resamples: of the bootstrap.

    Raises:
        UserError: inputs do not belong together, or a class has too few labelled patches.
    """
    with Progress("triage", len(contexts), "settings") as progress:
        judged = []
        for context in contexts:
            judged.append(_context(context, resamples))
            progress.advance()
    document = {
        "worth": any(pairing["worth"] for one in judged for pairing in one["pairings"] if pairing["chosen"]),
        "contexts": judged,
        "notes": [SYNTHETIC] * synthetic + list(cautions) + [SCOPE],
    }
    inputs = {f"{i}/{name}": path for i, one in enumerate(contexts) for name, path in _inputs(one)}
    write_json(out, document, origin.provenance(inputs=inputs))


def _inputs(context: Mapping[str, Any]) -> list[tuple[str, Path]]:
    named = [(name, context[name]) for name in ("splits", "labels", "class_prompts", "report_embeddings", "floor")]
    named += [(f"image_embeddings{i}", part) for i, part in enumerate(context["image_embeddings"])]
    return named + [
        (f"{one['pairing']}/{name}", one[name]) for one in context["pairings"] for name in ("pairs", "teacher")
    ]


def _context(context: Mapping[str, Any], resamples: int) -> dict[str, Any]:
    """The figures of one data set, corpus and retriever, with its pairings."""
    examples = read_examples(context["patches"], context["splits"], context["labels"])
    images = read_embeddings(context["image_embeddings"])
    prompts = read_report_vectors(context["class_prompts"])
    reports = read_report_vectors(context["report_embeddings"])
    paired = [read_paired_reports(pairing["pairs"]) for pairing in context["pairings"]]
    teachers = [read_said(pairing["teacher"], examples.val_labelled) for pairing in context["pairings"]]
    floor, floor_stored = read_said(context["floor"], examples.val_labelled)
    tables = [*examples.stored, *images.stored, prompts.stored, reports.stored, floor_stored]
    agree(*tables, *(one.stored for one in paired), *(stored for _, stored in teachers))
    if sorted(prompts.report_id) != sorted(examples.classes):
        raise UserError(f"{context['class_prompts']} is not of the classes of {context['labels']}: run snakemake again")

    class_vectors = prompts.pooled[[list(prompts.report_id).index(name) for name in examples.classes]]
    val = images.of(examples.val_labelled)
    said = {
        "probe": probe(images.of(examples.train_labelled), examples.train_label, val),
        "zero_shot": zero_shot(val, class_vectors),
        "floor": floor,
        **{f"teacher {i}": one for i, (one, _) in enumerate(teachers)},
    }
    n_classes = len(examples.classes)
    figures, samples = score(examples.val_label, said, examples.groups, n_classes, resamples)
    found: dict[str, Any] = {
        "row": dict(context["row"]),
        "classes": list(examples.classes),
        "chance": 1 / n_classes,
        "largest_class": examples.largest_class,
        "n_train": len(examples.train_label),
        "n_val": len(examples.val_label),
        "n_groups": None if examples.groups is None else int(examples.groups.max()) + 1,
        "weak_labels": examples.weak,
        "tokens_read": float(reports.stored.meta["tokens_read"]),
        **{name: figures[name] for name in ("probe", "zero_shot", "floor")},
        "agreement": _agreement(context["pairings"], paired, examples.val),
    }
    pairings = []
    for i, pairing in enumerate(context["pairings"]):
        low, high = interval(samples[f"teacher {i}"] - samples["floor"])
        gain = {"value": figures[f"teacher {i}"]["value"] - figures["floor"]["value"], "low": low, "high": high}
        one = _pairing(pairing, found, figures[f"teacher {i}"], gain, paired[i], examples.train)
        pairings.append({**one, **judge(found, one)})
    return found | {"pairings": pairings}


def _pairing(
    pairing: Mapping[str, Any],
    context: Mapping[str, Any],
    teacher: Mapping[str, float],
    gain: Mapping[str, float],
    paired: PairedReports,
    train: np.ndarray,
) -> dict[str, Any]:
    """The figures of one pairing; use of reports is that by all train images, labelled or not: these are distilled."""
    lead = context["probe"]["value"] - context["chance"]
    use = report_use(paired.report[paired.rows(train)], paired.n_reports)
    return {
        **{name: pairing[name] for name in ("pairing", "method", "chosen")},
        "teacher": teacher,
        "gain": gain,
        "kept": (teacher["value"] - context["chance"]) / lead if lead > 0 else 0.0,
        "agreement": _with_others(context["agreement"], pairing["pairing"]),
        **{name: use[name] for name in ("coverage", "top_hub_share", "effective_reports")},
    }


def _agreement(
    pairings: Sequence[Mapping[str, Any]], paired: Sequence[PairedReports], val: np.ndarray
) -> list[dict[str, Any]]:
    """How far every two methods agree on the val images, controls aside."""
    names = report_names(paired)
    ranked = {
        pairing["pairing"]: one.coded(names)[one.rows(val)]
        for pairing, one in zip(pairings, paired, strict=True)
        if not pairing["control"]
    }
    return [
        {"between": [one, other], **agreement(ranked[one], ranked[other])}
        for i, one in enumerate(ranked)
        for other in list(ranked)[i + 1 :]
    ]


def _with_others(agreements: Sequence[Mapping[str, Any]], pairing: str) -> float | None:
    """Mean share of images to which the other methods give the same report.

    Methods that rank alike (`topk` and `top1`) tell nothing about each other. None where no other is left.
    """
    shares = [one["same_best"] for one in agreements if pairing in one["between"] and one["overlap"] < 1]
    return float(np.mean(shares)) if shares else None
