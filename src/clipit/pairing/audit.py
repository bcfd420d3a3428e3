"""What a pairing looks like from outside: hubs, coverage, and whether it follows the labels or the truth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.paired_reports import PairedReports, read_paired_reports
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import labels as labels_schema
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.schemas import splits as splits_schema
from clipit.artifacts.tables import agree, read_table, write_json
from clipit.pairing.label_agreement import label_agreement
from clipit.pairing.precision import Truth, precision_at_1, read_truth
from clipit.statistics.groups import group_codes
from clipit.statistics.pairings import report_use


def audit_pairs(
    pairs: Path,
    labels: Path,
    patches: Path,
    splits: Path,
    out: Path,
    *,
    method: str,
    truth: Mapping[str, Path],
    origin: Origin,
) -> None:
    """Writes the audit of a pairing: its figures over all images, and over those of each split under `splits`.

    Args:
        pairs: pairs.parquet.
        labels: labels.parquet. Looked at after the fact only: no pairing reads it. The agreement is that over labelled
            train and val patches, so that whoever chooses a pairing by it has not looked at a test label.
        patches: patches.parquet, which names the patients or slides.
        splits: splits.parquet.
        out: JSON document to write.
        method: the pairing's method.
        truth: the phantom's `image_truth` and `report_truth`, or empty.
        origin: who asks.

    Raises:
        UserError: the inputs do not belong together, or a patch is not paired.
    """
    paired = read_paired_reports(pairs)
    labelled, grouped, split = (
        read_table(path, schema)
        for path, schema in (
            (labels, labels_schema.SCHEMA),
            (patches, patches_schema.SCHEMA),
            (splits, splits_schema.SCHEMA),
        )
    )
    stored = [paired.stored, labelled, grouped, split]
    known = read_truth(**truth) if truth else None
    lineage = agree(*stored, *((known.images, known.reports) if known else ()))
    label_of, group_of, split_of = (
        dict(zip(table.column("patch_id"), table.column(column), strict=True))
        for table, column in ((labelled, "label"), (grouped, "group"), (split, "split"))
    )
    of_split = np.array([split_of[patch] for patch in paired.patch_id], dtype=object)
    compared = [
        row for row, patch in enumerate(paired.patch_id) if of_split[row] != "test" and label_of[patch] is not None
    ]
    document = {
        "method": method,
        "n_reports": paired.n_reports,
        **_figures(paired, np.arange(len(of_split)), known),
        "splits": {name: _figures(paired, np.flatnonzero(of_split == name), known) for name in sorted(set(of_split))},
        "label_agreement": label_agreement(
            np.array([label_of[patch] for patch in paired.patch_id[compared]], dtype=np.int64),
            paired.report[compared, 0],
            group_codes([group_of[patch] for patch in paired.patch_id[compared]]),
        ),
        "weak_labels": bool(labelled.meta.get("weak")),
    }
    inputs = {"pairs": pairs, "labels": labels, "patches": patches, "splits": splits, **truth}
    write_json(out, document, origin.provenance(lineage=lineage, inputs=inputs))


def _figures(paired: PairedReports, rows: np.ndarray, truth: Truth | None) -> dict[str, Any]:
    """What the pairs of some patches look like."""
    report = paired.report[rows]
    best = paired.report_id[report[:, 0]]
    return {
        "n_patches": len(rows),
        **report_use(report, paired.n_reports),
        "similarity": {f"q{q:02d}": float(np.quantile(paired.similarity[rows], q / 100)) for q in (5, 25, 50, 75, 95)},
        "precision_at_1": None if truth is None else precision_at_1(truth, paired.patch_id[rows], best),
    }
