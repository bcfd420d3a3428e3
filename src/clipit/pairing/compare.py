"""The pairings of an experiment side by side: their figures, how far they agree, and which beats plain top-1."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.atomic import write_text
from clipit.artifacts.paired_reports import PairedReports, read_paired_reports, report_names
from clipit.artifacts.provenance import Origin, file_digest
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.schemas import report_embeddings as embeddings_schema
from clipit.artifacts.schemas import splits as splits_schema
from clipit.artifacts.tables import agree, read_json, read_table, write_json
from clipit.pairing.compare_text import as_csv, as_markdown, notes, verdict
from clipit.pairing.precision import read_truth
from clipit.runtime.errors import UserError
from clipit.statistics.groups import group_codes
from clipit.statistics.pairings import agreement
from clipit.statistics.resampling import draws, interval, simultaneous

PLAIN = "top1"
_FIGURES = ("coverage", "top_hub_share", "skewness", "skewness_1", "entropy", "effective_reports", "similarity",
            "label_agreement", "weak_labels")  # fmt: skip


@dataclass(frozen=True)
class _Line:
    """A pairing: names, method, whether it is a control, audit, pairs, share of the corpus's tokens that was read."""

    row: Mapping[str, str]
    method: str
    control: bool
    audit: Mapping[str, Any]
    paired: PairedReports
    tokens_read: float


@dataclass(frozen=True)
class _Context:
    """The pairings of one data set with one corpus, on its test images.

    Attributes:
        row: the names of data set and corpus.
        lines: the pairings, those of the first retriever first.
        patch_id: the n test images.
        groups: int64 (n,) codes of patients or slides, None where none is known.
        hits: float64 (pairings, n), 1 where the best report has the image's finding; None where no truth is known.
        chance: what reports drawn uniformly would reach.
    """

    row: Mapping[str, str]
    lines: Sequence[_Line]
    patch_id: np.ndarray
    groups: np.ndarray | None
    hits: np.ndarray | None
    chance: float | None

    def plain(self, retriever: str | None = None) -> int | None:
        """The row of plain top-1 by a retriever, by the first one if none is named; None where there is none."""
        retriever = retriever or self.lines[0].row["retriever"]
        known = [i for i, one in enumerate(self.lines) if (one.row["retriever"], one.method) == (retriever, PLAIN)]
        return known[0] if known else None


def compare_pairings(
    pairings: Sequence[Mapping[str, Any]],
    out_csv: Path,
    out_md: Path,
    out_json: Path,
    *,
    title: str,
    synthetic: bool = False,
    cautions: Sequence[str] = (),
    origin: Origin,
    resamples: int = 2000,
) -> None:
    """Writes the table of an experiment's pairings as CSV, Markdown and JSON.

    Where the truth is known, precision@1 (the finding) on the test images is compared with that of `top1`, by the same
    retriever and by the first one listed: paired, with intervals by a bootstrap over patients. Of those against the
    first one, controls aside, there are intervals that hold together too; the verdict goes by them.

    Args:
        pairings: {"row": {"dataset", "corpus", "retriever", "pairing"}, "method", "control", and the paths "pairs",
            "audit", "report_embeddings", "patches", "splits", and "truth": {"image_truth", "report_truth"} or {}}.
        out_csv: table to write.
        out_md: the same to read.
        out_json: all of it, with how far every two pairings agree on the test images.
        title: of the Markdown.
        synthetic: the experiment rests on the phantom.
        cautions: shown among the notes.
        origin: who asks.
        resamples: of the bootstrap.

    Raises:
        UserError: there is no pairing, files do not belong together, or a data set has no test images.
    """
    if not pairings:
        raise UserError("an experiment without pairings has no table of them: give it a variant that reads reports")
    keys = dict.fromkeys((one["row"]["dataset"], one["row"]["corpus"]) for one in pairings)
    contexts = [
        _context([one for one in pairings if (one["row"]["dataset"], one["row"]["corpus"]) == key]) for key in keys
    ]
    rows, comparisons, verdicts = [], [], []
    for context in contexts:
        shares = None if context.hits is None else _resampled(context.hits, context.groups, resamples)
        found = list(_compare(context, shares))
        rows += [_row(context, i, shares, found) for i in range(len(context.lines))]
        comparisons += found
        if (plain := context.plain()) is not None and context.hits is not None:
            verdicts.append({"row": dict(context.row), **verdict(context.lines[plain].row, found)})
    content: dict[str, Any] = {
        "columns": list(pairings[0]["row"]),
        "rows": rows,
        "agreement": [_agreement(context) for context in contexts],
        "comparisons": comparisons,
        "verdicts": verdicts,
    }
    content["notes"] = notes(content, synthetic=synthetic, cautions=cautions, resamples=resamples)
    inputs = {f"{i}/{name}": one[name] for i, one in enumerate(pairings) for name in ("pairs", "audit")}
    write_text(out_csv, as_csv(content))
    write_text(out_md, as_markdown(content, title=title))
    write_json(out_json, content, origin.provenance(inputs=inputs))


def _context(pairings: Sequence[Mapping[str, Any]]) -> _Context:
    """Reads the pairings of one data set with one corpus."""
    lines = [_line(pairing) for pairing in pairings]
    first = pairings[0]
    patches = read_table(first["patches"], patches_schema.SCHEMA)
    splits = read_table(first["splits"], splits_schema.SCHEMA)
    for line in lines:  # each by itself: two retrievers differ, and may
        agree(patches, splits, line.paired.stored)
    test = {
        patch for patch, split in zip(splits.column("patch_id"), splits.column("split"), strict=True) if split == "test"
    }
    if not test:
        raise UserError(f"{first['splits']} has no test images: give the data set a test split")
    known = [(patch, group) for patch, group in zip(patches.column("patch_id"), patches.column("group"), strict=True)]
    patch_id = np.array([patch for patch, _ in known if patch in test], dtype=object)
    hits = chance = None
    if first["truth"]:
        truth = read_truth(**first["truth"])
        best = [line.paired.report_id[line.paired.report[line.paired.rows(patch_id), 0]] for line in lines]
        hits = np.array([truth.hits("finding", patch_id, report) for report in best], dtype=np.float64)
        chance = truth.chance("finding", patch_id)
    groups = group_codes([group for patch, group in known if patch in test])
    row = {name: first["row"][name] for name in ("dataset", "corpus")}
    return _Context(row, lines, patch_id, groups, hits, chance)


def _line(pairing: Mapping[str, Any]) -> _Line:
    audit, paired = read_json(pairing["audit"]), read_paired_reports(pairing["pairs"])
    if audit["provenance"]["inputs"]["pairs"] != file_digest(pairing["pairs"]):
        raise UserError(f"{pairing['audit']} is not of {pairing['pairs']}: delete it and run snakemake again")
    embedded = read_table(pairing["report_embeddings"], embeddings_schema.schema())
    agree(embedded, paired.stored)
    return _Line(
        pairing["row"], pairing["method"], pairing["control"], audit, paired, float(embedded.meta["tokens_read"])
    )


def _resampled(hits: np.ndarray, groups: np.ndarray | None, resamples: int) -> np.ndarray:
    """The share of hits of every pairing in the same resamples of the images, float64 (resamples, pairings)."""
    together = np.zeros(hits.shape[1], dtype=np.int64)
    blocks = [weights @ hits.T / weights.sum(axis=1)[:, None] for weights in draws(together, groups, resamples)]
    return np.concatenate(blocks)


def _compare(context: _Context, shares: np.ndarray | None) -> Iterator[dict[str, Any]]:
    """Every pairing minus plain top-1 by its own retriever, and by the first one."""
    if context.hits is None or shares is None:
        return
    plain = context.plain()
    together = {} if plain is None else _together(context, context.hits, shares, plain)
    for i, line in enumerate(context.lines):
        for against in dict.fromkeys((context.plain(line.row["retriever"]), plain)):
            if against is None or against == i:
                continue
            low, high = interval(shares[:, i] - shares[:, against])
            yield {
                "row": dict(line.row),
                "method": line.method,
                "against": dict(context.lines[against].row),
                "value": float(context.hits[i].mean() - context.hits[against].mean()),
                "low": low,
                "high": high,
                "together": together.get(i) if against == plain else None,
            }


def _together(context: _Context, hits: np.ndarray, shares: np.ndarray, plain: int) -> Mapping[int, Mapping[str, float]]:
    """The intervals, which hold for all at once, of what competes to beat the pairing `plain`: all but controls."""
    rivals = [i for i, one in enumerate(context.lines) if i != plain and not one.control]
    if not rivals:
        return {}
    values = (hits[rivals] - hits[plain]).mean(axis=1)
    bounds = simultaneous(values, shares[:, rivals] - shares[:, [plain]]).T.tolist()
    return {i: {"low": low, "high": high} for i, (low, high) in zip(rivals, bounds, strict=True)}


def _row(
    context: _Context, i: int, shares: np.ndarray | None, comparisons: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    line, precision = context.lines[i], None
    if context.hits is not None and shares is not None:
        low, high = interval(shares[:, i])
        value = float(context.hits[i].mean())
        precision = {"value": value, "low": low, "high": high, "chance": context.chance}
    own = [one for one in comparisons if one["row"] == line.row]
    return {
        "row": dict(line.row),
        "method": line.method,
        **{name: line.audit[name] for name in _FIGURES},
        "tokens_read": line.tokens_read,
        "precision": precision,
        "difference": next((one for one in own if one["against"]["retriever"] == line.row["retriever"]), None),
        "from_first": next((one for one in own if one["against"]["retriever"] != line.row["retriever"]), None),
    }


def _agreement(context: _Context) -> dict[str, Any]:
    """How far every two pairings agree on the test images: square matrices in the order of `names`."""
    names = report_names([line.paired for line in context.lines])
    ranked = [line.paired.coded(names)[line.paired.rows(context.patch_id)] for line in context.lines]
    pairs = [[agreement(one, other) for other in ranked] for one in ranked]
    return {
        "row": dict(context.row),
        "names": [{name: line.row[name] for name in ("retriever", "pairing")} for line in context.lines],
        "n_images": len(context.patch_id),
        **{name: [[pair[name] for pair in row] for row in pairs] for name in ("same_best", "overlap")},
    }
