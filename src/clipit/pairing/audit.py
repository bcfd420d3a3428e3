"""What a pairing looks like from outside: hubs, coverage, and whether it follows the labels or the truth."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import skew
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import image_truth as image_truth_schema
from clipit.artifacts.schemas import labels, pairs
from clipit.artifacts.schemas import report_truth as report_truth_schema
from clipit.artifacts.tables import agree, read_table, write_json

_PERMUTATIONS = 200
_HUBS_SHOWN = 20


def audit_pairs(
    pairs_file: Path,
    labels_file: Path,
    out: Path,
    *,
    method: str,
    truth: Mapping[str, Path],
    origin: Origin,
) -> None:
    """Writes the audit of a pairing.

    `truth` are the phantom's `image_truth` and `report_truth`, or empty. Labels are looked at after the fact only: no
    pairing reads them.
    """
    paired, labelled = read_table(pairs_file, pairs.SCHEMA), read_table(labels_file, labels.SCHEMA)
    lineage = agree(paired, labelled)
    n_reports = int(paired.meta["n_reports"])
    rank = paired.table.column("rank").to_numpy()
    report = np.asarray(paired.column("report_id"), dtype=object)
    patch = np.asarray(paired.column("patch_id"), dtype=object)
    first = rank == 0
    label_of = dict(zip(labelled.column("patch_id"), labelled.column("label"), strict=True))
    document: dict[str, Any] = {
        "method": method,
        "n_patches": int(first.sum()),
        "n_reports": n_reports,
        **hubness(report[first].tolist(), report[rank < 10].tolist(), n_reports),
        "similarity": _quantiles(paired.table.column("similarity").to_numpy()[first]),
        "label_agreement": label_agreement([label_of.get(p) for p in patch[first]], report[first].tolist()),
        "weak_labels": bool(labelled.meta.get("weak")),
        "precision_at_1": None,
    }
    inputs = {"pairs": pairs_file, "labels": labels_file}
    if truth:
        document["precision_at_1"] = _precision(patch[first].tolist(), report[first].tolist(), **truth)
        inputs |= truth
    write_json(out, document, origin.provenance(lineage=lineage, inputs=inputs))


def hubness(best: list[str], within_ten: list[str], n_reports: int) -> dict[str, Any]:
    """How evenly reports are used.

    Coverage: share of the corpus that is some image's best report. Top-hub share: share of images whose best report is
    the most used one. Skewness: of N_10, how often each report is among an image's ten best (Radovanović et al. 2010).
    Entropy: of the best reports' use, 1 = uniform over the corpus.
    """
    counts = np.array(sorted(Counter(best).values(), reverse=True))
    occurrence = np.zeros(n_reports)
    used = Counter(within_ten)
    occurrence[: len(used)] = list(used.values())
    share = counts / counts.sum()
    return {
        "coverage": len(counts) / n_reports,
        "top_hub_share": float(share[0]),
        "skewness": float(skew(occurrence)) if occurrence.std() > 0 else 0.0,
        "entropy": float(-(share * np.log(share)).sum() / np.log(n_reports)) if n_reports > 1 else 0.0,
        "hub_counts": counts[:_HUBS_SHOWN].tolist(),
    }


def label_agreement(label: list[int | None], report: list[str], seed: int = 0) -> dict[str, float] | None:
    """Adjusted mutual information of label and best report over labelled images, with its permutation p-value.

    Adjusted, because a report that is used once agrees with any label. None without labels.
    """
    known = [(a, b) for a, b in zip(label, report, strict=True) if a is not None]
    if len({a for a, _ in known}) < 2:
        return None
    a, b = (np.unique(side, return_inverse=True)[1] for side in zip(*known, strict=True))
    rng = np.random.default_rng(seed)
    observed = mutual_info_score(a, b)
    null = [mutual_info_score(rng.permutation(a), b) for _ in range(_PERMUTATIONS)]
    reached = sum(value >= observed - 1e-12 for value in null)
    return {"ami": float(adjusted_mutual_info_score(a, b)), "p": (reached + 1) / (_PERMUTATIONS + 1)}


def _quantiles(similarity: np.ndarray) -> dict[str, float]:
    return {f"q{q:02d}": float(np.quantile(similarity, q / 100)) for q in (5, 25, 50, 75, 95)}


def _precision(patch: list[str], report: list[str], image_truth: Path, report_truth: Path) -> dict[str, float]:
    """Share of images whose best report has the image's finding (class), beside what a uniform draw would reach."""
    images, reports = (
        read_table(image_truth, image_truth_schema.SCHEMA),
        read_table(report_truth, report_truth_schema.SCHEMA),
    )
    figures: dict[str, float] = {}
    for name, column in (("finding", "finding"), ("class", "label")):
        of_image = dict(zip(images.column("patch_id"), images.column(column), strict=True))
        of_report = dict(zip(reports.column("report_id"), reports.column(column), strict=True))
        hits = [of_image[p] == of_report[r] for p, r in zip(patch, report, strict=True)]
        used = Counter(of_report.values())
        chance = [used[of_image[p]] / len(of_report) for p in patch]
        figures |= {name: float(np.mean(hits)), f"chance_{name}": float(np.mean(chance))}
    return figures
