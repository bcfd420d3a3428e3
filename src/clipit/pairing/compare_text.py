"""A comparison of pairings as CSV, as Markdown and in words."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from clipit.statistics.wording import (
    SYNTHETIC,
    bracket,
    markdown_table,
    p_value,
    points,
    shared_labels,
    varying_columns,
)

_PLAIN_FIGURES = ("coverage", "top_hub_share", "skewness", "skewness_1", "entropy", "effective_reports")
_AGREEMENT = ("ami", "ami_by_chance", "p", "leave_one_out", "leave_one_out_by_chance")
_PRECISION = ("value", "low", "high", "chance")
_DIFFERENCE = ("value", "low", "high")


def as_csv(table: Mapping[str, Any]) -> str:
    """Every number as a share in 0..1 (skewness, numbers of reports and cosines as they are), a line a pairing."""
    nested = {"similarity": ("q05", "q25", "q50", "q75", "q95"), "label_agreement": _AGREEMENT,
              "precision": _PRECISION, "difference": _DIFFERENCE, "from_first": _DIFFERENCE}  # fmt: skip
    header = [*table["columns"], "method", *_PLAIN_FIGURES, "tokens_read"]
    header += [f"{name}_{part}" for name, parts in nested.items() for part in parts]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for line in table["rows"]:
        cells = [line["row"][column] for column in table["columns"]]
        cells += [line[name] for name in ("method", *_PLAIN_FIGURES, "tokens_read")]
        cells += [(line[name] or {}).get(part) for name, parts in nested.items() for part in parts]
        writer.writerow(cells)
    return text.getvalue()


def as_markdown(table: Mapping[str, Any], title: str) -> str:
    """A readable table, the verdicts above it, agreement and notes below."""
    header, body = layout(table)
    lines = [f"# {title}", "", shared_labels(table), ""]
    for verdict in table["verdicts"]:
        lines += [f"**{about(table, verdict['row'])}{verdict['text']}.**", ""]
    lines += [*markdown_table(header, body), ""]
    for block in table["agreement"]:
        if len(block["names"]) > 1:
            lines += [f"{about(table, block['row'])}{AGREEMENT_CAPTION.format(**block)}", ""]
            lines += [*markdown_table(*agreement_layout(block)), ""]
    return "\n".join([*lines, *(f"- {note}" for note in table["notes"])]) + "\n"


AGREEMENT_CAPTION = (
    "Agreement on {n_images:,} test images, in percent: above the diagonal the same best report, below it the overlap "
    "of the ten best."
)


def layout(table: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(header, rows of cells); what no row has gets no column."""
    lines, varying = table["rows"], varying_columns(table)
    labels = [name for name in table["columns"] if name in varying or name == "pairing"]
    columns = {
        **{name: [line["row"][name] for line in lines] for name in labels},
        "right finding": [_precision(line["precision"]) for line in lines],
        "by chance": [_chance(line["precision"]) for line in lines],
        "− top1 (points)": [_difference(line["difference"]) for line in lines],
        "− top1 of the first retriever": [_difference(line["from_first"]) for line in lines],
        "coverage": [f"{100 * line['coverage']:.1f}" for line in lines],
        "top hub": [f"{100 * line['top_hub_share']:.1f}" for line in lines],
        "skewness N_10": [f"{line['skewness']:z.2f}" for line in lines],
        "skewness N_1": [f"{line['skewness_1']:z.2f}" for line in lines],
        "entropy": [f"{line['entropy']:.2f}" for line in lines],
        "similarity": [f"{line['similarity']['q50']:z.3f}" for line in lines],
        "label agreement": [_agreement(line["label_agreement"]) for line in lines],
        "leave-one-out": [_leave_one_out(line["label_agreement"]) for line in lines],
        "tokens read": [f"{100 * line['tokens_read']:.0f}" for line in lines],
    }
    shown = {name: cells for name, cells in columns.items() if set(cells) != {"–"}}
    return list(shown), [[cell.replace("-", "−") for cell in cells] for cells in zip(*shown.values(), strict=True)]


def agreement_layout(block: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """(header, rows of cells) of one matrix of agreement, in percent."""
    names = agreement_names(block)
    cells = [["–" if share is None else f"{100 * share:.0f}" for share in row] for row in agreement_shares(block)]
    return ["", *names], [[name, *row] for name, row in zip(names, cells, strict=True)]


def agreement_shares(block: Mapping[str, Any]) -> list[list[float | None]]:
    """Above the diagonal the same best report, below it the overlap of the ten best, on it None."""
    order = range(len(block["names"]))
    return [[None if j == i else block["same_best" if j > i else "overlap"][i][j] for j in order] for i in order]


def agreement_names(block: Mapping[str, Any]) -> list[str]:
    """Short names of the pairings: with their retriever where there are several."""
    several = len({name["retriever"] for name in block["names"]}) > 1
    return [f"{name['retriever']} {name['pairing']}" if several else name["pairing"] for name in block["names"]]


def about(table: Mapping[str, Any], row: Mapping[str, str]) -> str:
    """What tells one data set and corpus from the others: 'bach, tcga_breast: ', empty where there is one."""
    varying = varying_columns(table)
    names = [row[name] for name in ("dataset", "corpus") if name in varying]
    return ", ".join(names) + ": " if names else ""


def verdict(plain: Mapping[str, str], comparisons: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Does a method beat plain top-1 (of the first retriever)? {"outcome", "text"}, controls aside.

    `outcome` is better (some interval lies above 0, of those that hold for all rivals together), not_shown, or missing
    (nothing to compare).
    """
    rivals = [one for one in comparisons if one["against"] == plain and one["together"]]
    rivals.sort(key=lambda one: -one["value"])
    baseline = f"plain {plain['pairing']} of {plain['retriever']}"
    if not rivals:
        return {"outcome": "missing", "text": f"No method was run that could beat {baseline}"}
    better = [one for one in rivals if one["together"]["low"] > 0]
    if better:
        named = "; ".join(_named(one, plain) for one in better)
        text = f"{len(better)} of {len(rivals)} find the right finding more often than {baseline}: {named}"
        return {"outcome": "better", "text": text}
    text = f"None of {len(rivals)} is shown to find the right finding more often than {baseline}; the nearest is "
    return {"outcome": "not_shown", "text": text + _named(rivals[0], plain)}


def _named(one: Mapping[str, Any], plain: Mapping[str, str]) -> str:
    same = one["row"]["retriever"] == plain["retriever"]
    name = one["row"]["pairing"] if same else f"{one['row']['pairing']} of {one['row']['retriever']}"
    return f"{name} {points(one['value'])} {bracket(one['together'])}"


def notes(table: Mapping[str, Any], *, synthetic: bool, cautions: Sequence[str], resamples: int) -> list[str]:
    """What a reader must know of the figures."""
    said = [SYNTHETIC] * synthetic
    said += cautions
    if table["comparisons"]:
        said.append(
            "Right finding: share of the test images whose best report has the image's finding (precision@1). Square "
            f"brackets: 95% percentile bootstrap over patients where known, {resamples:,} resamples, paired for a "
            f"difference, not corrected for the number of comparisons ({len(table['comparisons'])}). The verdict goes "
            "by intervals that hold for all methods together (max-T over the same resamples), controls aside."
        )
    said += [
        "Over all images: coverage, the share of the corpus that is some image's best report; top hub, the share of "
        "images that have the most used one; skewness of how often a report is among the ten best, and the best; "
        "entropy of the use of best reports, 1 = all alike; similarity, the median cosine of image and best report.",
    ]
    if any(line["label_agreement"] for line in table["rows"]):
        weak = "; labels are weak" if any(line["weak_labels"] for line in table["rows"]) else ""
        said.append(
            "Label agreement: adjusted mutual information of label and best report over labelled train and val images; "
            "leave-one-out: how often the other patients' images with the same report tell the label. Round brackets: "
            f"what labels dealt anew among patients reach{weak}. No pairing saw a label. Either figure says that "
            "images of a class share reports, not that the reports speak of the class: alike images share any text."
        )
    return said


def _precision(precision: Mapping[str, float] | None) -> str:
    return "–" if precision is None else f"{100 * precision['value']:.1f} {bracket(precision)}"


def _chance(precision: Mapping[str, float] | None) -> str:
    return "–" if precision is None else f"{100 * precision['chance']:.1f}"


def _difference(difference: Mapping[str, float] | None) -> str:
    return "–" if difference is None else f"{points(difference['value'])} {bracket(difference)}"


def _agreement(found: Mapping[str, float] | None) -> str:
    return "–" if found is None else f"{found['ami']:z.2f} ({found['ami_by_chance']:z.2f}), {p_value(found['p'])}"


def _leave_one_out(found: Mapping[str, float] | None) -> str:
    if found is None:
        return "–"
    return f"{100 * found['leave_one_out']:.1f} ({100 * found['leave_one_out_by_chance']:.1f})"
