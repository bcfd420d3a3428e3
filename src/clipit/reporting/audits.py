"""The audit of each pairing as numbers with their meaning, and two small drawings."""

from collections.abc import Mapping, Sequence
from typing import Any

from clipit.artifacts.tables import read_json
from clipit.reporting.axis import Axis
from clipit.reporting.forest import row_labels
from clipit.statistics.wording import p_value, varying_columns


def audits(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One card for each of `entries` ({"row": names, "audit": path}); similarities share one axis."""
    if not entries:
        return []
    columns = list(entries[0]["row"])
    varying = varying_columns({"columns": columns, "rows": entries})
    told = [name for name in columns if name in varying or name == "pairing"]
    documents = [(row_labels(entry["row"], told), read_json(entry["audit"])) for entry in entries]
    axis = Axis.over([document["similarity"][q] for _, document in documents for q in ("q05", "q95")])
    return [
        {
            "title": title,
            "size": f"{audit['n_patches']:,} patches, {audit['n_reports']:,} reports",
            "facts": _facts(audit),
            "hubs": [round(count / max(audit["hub_counts"]), 4) for count in audit["hub_counts"]],
            "top_count": max(audit["hub_counts"]),
            "similarity": {q: axis.at(position) for q, position in audit["similarity"].items()},
            "median": f"{audit['similarity']['q50']:.2f}",
            "ticks": [
                (x, f"{float(label.replace('−', '-')) / 100:.2f}")
                for x, label in axis.ticks[:: len(axis.ticks) // 6 + 1]
            ],
        }
        for title, audit in documents
    ]


def _facts(audit: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(name, number, meaning) in the order of interest."""
    facts = [
        ("coverage", f"{audit['coverage']:.0%}", "of the reports are used at all"),
        ("top hub", f"{audit['top_hub_share']:.1%}", "of the patches get the most used report"),
        (
            "skewness of N_k",
            f"{audit['skewness']:.1f}",
            f"among the ten best, {audit['skewness_1']:.1f} as the best; 0: all reports used alike, above 1: a few "
            "crowd out the rest",
        ),
        ("entropy", f"{audit['entropy']:.2f}", "1: all reports used equally often, 0: one for all"),
    ]
    if truth := audit.get("precision_at_1"):
        facts += [
            ("right finding", f"{truth['finding']:.0%}", f"of the patches; by chance {truth['chance_finding']:.0%}"),
            ("right class", f"{truth['class']:.0%}", f"of the patches; by chance {truth['chance_class']:.0%}"),
        ]
    if agreement := audit.get("label_agreement"):
        meaning = (
            "adjusted mutual information of report and label; "
            f"{agreement['ami_by_chance']:z.2f} for labels dealt anew, {p_value(agreement['p'])}"
        )
        meaning += "; labels are weak" if audit.get("weak_labels") else ""
        facts.append(("label agreement", f"{agreement['ami']:z.2f}", meaning))
        meaning = (
            "of the labels are told by the other patients' patches with the same report; "
            f"{agreement['leave_one_out_by_chance']:.0%} for labels dealt anew"
        )
        facts.append(("leave-one-out", f"{agreement['leave_one_out']:.0%}", meaning))
    return facts
