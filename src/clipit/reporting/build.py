"""The report: one self-contained HTML page."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from clipit.artifacts.atomic import write_text
from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import read_json
from clipit.evaluation.selection import chosen_runs
from clipit.evaluation.table_text import published
from clipit.reporting.audits import audits as audit_cards
from clipit.reporting.certainty import certainties
from clipit.reporting.comparisons import comparisons
from clipit.reporting.confusion import confusions
from clipit.reporting.costs import costs as cost_tables
from clipit.reporting.curves import all_curves
from clipit.reporting.embedding_map import embedding_map
from clipit.reporting.embedding_times import embedding_times
from clipit.reporting.extra_tests import extra_tests, parts
from clipit.reporting.forest import forest, row_labels, verdicts
from clipit.reporting.label_curve import label_curve
from clipit.reporting.montage import montage as montage_sections
from clipit.reporting.pairings import pairings as pairing_sections
from clipit.reporting.slides import slides as slide_sections
from clipit.reporting.stage_times import stage_times
from clipit.reporting.timeline import timeline
from clipit.reporting.won_lost import won_and_lost
from clipit.statistics.wording import varying_columns

# The answer to "does text help?" in a word, and its sign, which colour alone must not carry.
ANSWERS = {
    "text_helps": ("Yes", "▲"),
    "better": ("Better, but not shown to be the text", "△"),
    "no_evidence": ("Not shown", "●"),
    "worse": ("No, it does harm", "▼"),
    "missing": ("Not measured", "○"),
}


def build_report(
    out: Path,
    *,
    experiments: Sequence[Mapping[str, Any]],
    meanings: Mapping[str, str],
    show_text: bool,
    explorer: bool,
    embeddings: Sequence[Mapping[str, Any]],
    costs: Sequence[Mapping[str, Any]],
    job_list: Path,
    sources: Sequence[Mapping[str, Any]],
    configuration: Mapping[str, Any],
    synthetic: bool,
    origin: Origin,
) -> None:
    """Writes the page to `out`: styles, figures and images inside, nothing loaded from elsewhere.

    Each of `experiments` is {"name", "title", "table_json": path, "runs": [{"row", "variant", "seed", "metrics": path,
    "predictions": path, "history": path or None, "student": path or None}], "audits": [{"row": names, "audit": path}],
    "pairings_json": path or None, "montage": {"row": names, "files": what `reporting.montage` reads} or None,
    "explained": {"attributions", "embedding_map": paths} or None, "slides": [{"dataset", "slides": path}]}.
    `meanings` says what each variant is. Without `show_text` neither a report's text nor its id is in the page. With
    `explorer` it leads to the explorer, which lies beside it. `embeddings` are {"what", "files": timings of the parts}.
    `costs` are as `reporting.costs` takes them. `job_list` names the benchmarks of all jobs (`reporting.stage_times`),
    which are no inputs: equal inputs give equal bytes but for that section. `sources` are {"role", "name", "licence",
    "restriction", "citation", "synthetic"} of all data and pretrained models. `configuration` is all that was set.
    """
    tables = [read_json(experiment["table_json"]) for experiment in experiments]
    used = dict.fromkeys(line["variant"] for table in tables for line in table["rows"])
    environment = Environment(
        loader=PackageLoader("clipit.reporting"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("index.html.jinja").render(
        experiments=[_experiment(*pair, Path(out).parent, show_text) for pair in zip(experiments, tables, strict=True)],
        answers=ANSWERS,
        show_text=show_text,
        explorer=explorer,
        embeddings=embedding_times(embeddings),
        costs=cost_tables(costs),
        stage_times=stage_times(job_list),
        timeline=timeline(job_list),
        sources=sources,
        configuration=yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True),
        synthetic=synthetic,
        variants={variant: meanings[variant] for variant in used},
        provenance=_provenance(experiments, tables, costs, origin),
    )
    write_text(out, page)


def _experiment(
    experiment: Mapping[str, Any], table: Mapping[str, Any], folder: Path, show_text: bool
) -> dict[str, Any]:
    montage, compared = experiment["montage"], experiment["pairings_json"]
    explained = experiment["explained"] or {"attributions": None, "embedding_map": None}
    runs = chosen_runs(experiment["runs"], table["choices"])
    contest = montage and won_and_lost(
        runs, table["primary"], montage, show_text=show_text, attributions=explained["attributions"]
    )
    return {
        "name": experiment["name"],
        "title": experiment["title"],
        "verdicts": verdicts(table),
        "forest": forest(table),
        "comparisons": comparisons(table),
        "notes": table["notes"],
        "published": published(table) if table["published"] else None,
        "levels": parts(table, "levels"),
        "centres": parts(table, "centres"),
        "extra_tests": extra_tests(table),
        "confusions": confusions(runs, table),
        "certainties": certainties(runs, table, experiment["name"]),
        "label_curve": label_curve(_label_rows(table), f"{experiment['name']} labels"),
        "curves": all_curves(runs, table, experiment["name"]),
        "pairings": None if compared is None else pairing_sections(compared, experiment["name"]),
        "audits": audit_cards(experiment["audits"]),
        "montage": None if montage is None else montage_sections(montage["files"], show_text=show_text),
        "shown_pairing": None if montage is None else montage["row"],
        "won_lost": contest,
        "embedding_map": explained["embedding_map"] and embedding_map(explained["embedding_map"]),
        "primary": table["primary"],
        "slides": slide_sections(experiment["slides"]),
        "students": [
            {"variant": run["variant"], "seed": run["seed"], "path": os.path.relpath(run["student"], folder)}
            for run in runs
            if run["student"] is not None
        ],
    }


def _label_rows(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines of a table whose number of labels is known, as `label_curve` takes them; a line of it for each row."""
    varying = [column for column in varying_columns(table) if column != "label_fraction"]
    rows = []
    for line in table["rows"]:
        if line["train_labels"] is not None:
            name = " ".join(filter(None, (row_labels(line["row"], varying), line["variant"])))
            measured = line["metrics"]["balanced_accuracy"]
            bounds = {"value": measured["mean"], "low": measured["low"], "high": measured["high"]}
            rows.append({"variant": name, "n_labels": line["train_labels"], **bounds})
    return rows


def _provenance(
    experiments: Sequence[Mapping[str, Any]],
    tables: Sequence[Mapping[str, Any]],
    costs: Sequence[Mapping[str, Any]],
    origin: Origin,
) -> dict[str, Any]:
    """What the numbers come from: digests of configuration and code, library versions, seeds."""
    runs = [run for experiment in experiments for run in experiment["runs"]]
    files = [run["metrics"] for run in runs]
    files += [audit["audit"] for experiment in experiments for audit in experiment["audits"]]
    files += [experiment["pairings_json"] for experiment in experiments if experiment["pairings_json"] is not None]
    files += [cost["file"] for cost in costs]
    read = [*tables, *map(read_json, files)]
    sources = [document["provenance"] for document in read] + [origin.provenance()]
    codes = sorted({(source["stage"], source["code"][:12]) for source in sources})
    return {
        "configuration": str(origin.params.get("configuration", ""))[:12],
        "codes": codes,
        "seeds": sorted({run["seed"] for run in runs}),
        "libraries": sorted({pair for source in sources for pair in source["libraries"].items()}),
    }
