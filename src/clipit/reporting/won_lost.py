"""Test patches that the primary variant wins over its control, and those that it loses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.schemas import pairs as pairs_schema
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.schemas import predictions as predictions_schema
from clipit.artifacts.schemas import reports as reports_schema
from clipit.artifacts.tables import agree, read_table
from clipit.reporting.montage import beginning, data_uri

SHOWN = 6


def won_and_lost(
    runs: Sequence[Mapping[str, Any]],
    primary: Sequence[str],
    montage: Mapping[str, Any],
    *,
    show_text: bool,
) -> dict[str, Any] | None:
    """{"won", "lost": up to 6 patches each, "n_won", "n_lost": of how many}; None where both were not run on its data.

    A patch is won if more seeds of `primary[0]` than of `primary[1]` have it right, and lost the other way round. Shown
    are those where most seeds do, of equals those whose true class's probability differs most. Of several rows
    the first that belongs to the `montage` (`row`, `files`), whose paired reports stand beside the patches.

    Raises:
        UserError: files that do not belong together.
    """
    sides = [_side(runs, variant, montage["row"]) for variant in primary]
    if not all(sides):
        return None
    said = [[read_table(path, predictions_schema.SCHEMA) for path in side] for side in sides]
    patches = read_table(montage["files"]["patches"], patches_schema.SCHEMA)
    agree(patches.without_rows(), *(one.without_rows() for side in said for one in side))
    classes = said[0][0].meta["classes"]
    names, label, ours = _of_test(said[0])
    _, _, theirs = _of_test(said[1])
    right = [np.mean([p.argmax(axis=1) == label for p in side], axis=0) for side in (ours, theirs)]
    sure = [np.mean([p[np.arange(len(label)), label] for p in side], axis=0) for side in (ours, theirs)]
    sides_right = list(zip((ours, theirs), right, strict=True))
    gain, margin = right[0] - right[1], sure[0] - sure[1]
    order = np.lexsort((-margin, -gain))
    picked = {"won": order[gain[order] > 0][:SHOWN], "lost": order[::-1][gain[order[::-1]] < 0][:SHOWN]}
    reports = _reports(montage["files"], names, [i for rows in picked.values() for i in rows], show_text)
    row_of = dict(zip(patches.column("patch_id"), patches.column("index"), strict=True))
    store = PatchStore(montage["files"]["store"])
    verdicts = [np.array([_most(side, i) for i in range(len(label))]) for side in (ours, theirs)]

    def shown(i: int) -> dict[str, Any]:
        return {
            "image": data_uri(store.batch([row_of[names[i]]])[0]),
            "true": classes[label[i]],
            "ours": classes[verdicts[0][i]],
            "theirs": classes[verdicts[1][i]],
            "right": [f"{round(len(side) * share[i])} of {len(side)}" for side, share in sides_right],
            **reports.get(names[i], {}),
        }

    return {
        **{key: [shown(i) for i in rows] for key, rows in picked.items()},
        "n_won": int((gain > 0).sum()),
        "n_lost": int((gain < 0).sum()),
    }


def _side(runs: Sequence[Mapping[str, Any]], variant: str, row: Mapping[str, str]) -> list[Any]:
    """The predictions of one variant's seeds, of the first row that does not contradict `row`."""
    fitting = [
        run
        for run in runs
        if run["variant"] == variant
        and all(row.get(name) in (None, value) for name, value in run["row"].items() if value is not None)
    ]
    return [run["predictions"] for run in fitting if run["row"] == fitting[0]["row"]]


def _of_test(tables: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Names, labels and, for each table, probabilities of the test patches, in the order of their names."""
    rows = [one.table.filter(pc.equal(one.table.column("split"), "test")).sort_by("patch_id") for one in tables]
    label = rows[0].column("label").to_numpy().astype(np.int64)
    return (
        np.array(rows[0].column("patch_id").to_pylist(), dtype=object),
        label,
        [np.array(one.column("prob").to_pylist(), dtype=np.float64) for one in rows],
    )


def _most(side: Sequence[np.ndarray], i: int) -> int:
    """The class that most seeds say, of equals the first."""
    return int(np.bincount([probabilities[i].argmax() for probabilities in side]).argmax())


def _reports(
    files: Mapping[str, Any], names: np.ndarray, rows: Sequence[int], show_text: bool
) -> dict[str, dict[str, str]]:
    """Similarity and, if it may be shown, the best report of the patches at `rows`."""
    wanted = {names[i] for i in rows}
    pairs = read_table(files["pairs"], pairs_schema.SCHEMA)
    best = pairs.table.filter(pc.equal(pairs.table.column("rank"), 0)).to_pylist()
    found = {pair["patch_id"]: pair for pair in best if pair["patch_id"] in wanted}
    told = {name: {"similarity": f"{pair['similarity']:.2f}"} for name, pair in found.items()}
    if show_text:
        reports = read_table(files["reports"], reports_schema.SCHEMA)
        agree(pairs.without_rows(), reports.without_rows())
        texts = dict(zip(reports.column("report_id"), reports.column("text"), strict=True))
        for name, pair in found.items():
            told[name] |= {"id": pair["report_id"], "report": beginning(texts[pair["report_id"]])}
    return told
