"""Test patches that the primary variant wins over its control, and those that it loses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.schemas import pairs as pairs_schema
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.schemas import reports as reports_schema
from clipit.artifacts.tables import agree, read_table
from clipit.explaining.won_lost import read_contest, sides
from clipit.reporting.attribution import pictures, read_attributions
from clipit.reporting.montage import beginning, data_uri


def won_and_lost(
    runs: Sequence[Mapping[str, Any]],
    primary: Sequence[str],
    montage: Mapping[str, Any],
    *,
    show_text: bool,
    attributions: str | Path | None = None,
) -> dict[str, Any] | None:
    """{"won", "lost": up to 6 patches each, "n_won", "n_lost": of how many, "attribution": facts of the maps or None}.

    None where both variants were not run on its data. A patch is won if more seeds of `primary[0]` than of `primary[1]`
    have it right, and lost the other way round (`explaining.won_lost`). Of several rows the first that belongs to the
    `montage` (`row`, `files`), whose paired reports stand beside the patches, as do the maps of the table
    `attributions`.

    Raises:
        UserError: files that do not belong together.
    """
    pair = sides(runs, primary, montage["row"])
    if not all(pair):
        return None
    contest = read_contest(pair)
    patches = read_table(montage["files"]["patches"], patches_schema.SCHEMA)
    agree(patches.without_rows(), *contest.stored)
    explained = None if attributions is None else read_attributions(attributions, [patches.without_rows()])
    names, classes = contest.patch_id, contest.classes
    reports = _reports(montage["files"], names, [i for rows in contest.picked.values() for i in rows], show_text)
    row_of = dict(zip(patches.column("patch_id"), patches.column("index"), strict=True))
    store = PatchStore(montage["files"]["store"])

    def shown(i: int) -> dict[str, Any]:
        patch = store.batch([row_of[names[i]]])[0]
        ours, theirs = (classes[_most(side[:, i])] for side in contest.said)
        return {
            "image": data_uri(patch),
            "true": classes[contest.label[i]],
            "ours": ours,
            "theirs": theirs,
            "right": [
                f"{round(len(side) * share[i])} of {len(side)}"
                for side, share in zip(contest.said, contest.right, strict=True)
            ],
            "maps": [] if explained is None else pictures(explained, names[i], patch),
            **reports.get(names[i], {}),
        }

    return {
        **{key: [shown(i) for i in rows] for key, rows in contest.picked.items()},
        "n_won": int((contest.gain > 0).sum()),
        "n_lost": int((contest.gain < 0).sum()),
        "attribution": explained and explained.facts,
    }


def _most(probabilities: np.ndarray) -> int:
    """The class that most seeds, (seeds, C), say, of equals the first."""
    return int(np.bincount(probabilities.argmax(axis=1)).argmax())


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
