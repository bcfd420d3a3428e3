"""What the trained students of an experiment look at, and how training moved the test patches among each other."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin, check_lineage
from clipit.artifacts.schemas import attributions as attributions_schema
from clipit.artifacts.schemas import embedding_map as embedding_map_schema
from clipit.artifacts.schemas import features as features_schema
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.tables import Stored, agree, embedding_matrix, read_table, write_table
from clipit.encoders.precision import Precision
from clipit.evaluation.selection import choose
from clipit.explaining.attribution import STEPS, attribute
from clipit.explaining.embedding_map import NEIGHBOURS, agreement, principal_plane
from clipit.explaining.won_lost import Contest, Run, read_contest, sides
from clipit.models.inference import predict_features
from clipit.models.student_file import ExportedStudent, load_student
from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress
from clipit.statistics.sampling import draw

DRAWN = 1000
"""Patches of an embedding map: more are a blot, and distances between all of them are taken."""


def explain(
    files: Mapping[str, str | Path],
    *,
    attributions: Path,
    embedding_map: Path,
    runs: Sequence[Run],
    primary: Sequence[str],
    row: Mapping[str, str],
    batch: int,
    device: str,
    threads: int,
    precision: Precision,
    origin: Origin,
) -> None:
    """Writes a map of each patch that the report shows as won or lost, and where the test patches lie.

    Args:
        files: `store`, `patches`, and `features` of every patch by the backbone that the students started from.
        attributions: the table of maps to write, of the first seed of both variants.
        embedding_map: the table of points to write, of the first seed of the primary variant.
        runs: as `evaluation.compare` takes them, with "student", the path of a `student.json`. Of a variant's
            candidates the one chosen on validation counts.
        primary: the variant and its control.
        row: the labels of the first row to explain.
        batch: patches at a time.
        device: a torch device.
        threads: torch threads.
        precision: arithmetic of the features, as those before training were made; maps are computed in float32.
        origin: who asks.

    Raises:
        UserError: files that do not belong together, or an experiment that holds not both variants.
    """
    torch.set_num_threads(threads)
    pair = sides(choose(runs)[0], primary, row)
    if not all(pair):
        raise UserError(f"there is nothing to explain: the experiment does not hold both {' and '.join(primary)}")
    contest = read_contest(pair)
    patches = read_table(files["patches"], patches_schema.SCHEMA)
    features = read_table(files["features"], features_schema.schema())
    firsts = [side[0] for side in pair]
    students = [load_student(Path(first["student"]).parent) for first in firsts]
    agree(patches.without_rows(), *contest.stored)
    lineage = check_lineage(
        *((str(one.path), one.lineage) for one in (patches, features)),
        *((first["student"], one.description["provenance"]["lineage"])
          for first, one in zip(firsts, students, strict=True)),
    )  # fmt: skip
    inputs = {"patches": files["patches"], "features": files["features"]}
    inputs |= {f"{run['variant']}/seed{run['seed']}": run["predictions"] for side in pair for run in side}
    inputs |= {f"{first['variant']}/student": first["student"] for first in firsts}
    provenance = origin.provenance(lineage=lineage, inputs=inputs)
    row_of = dict(zip(patches.column("patch_id"), patches.column("index"), strict=True))
    store = PatchStore(files["store"])

    drawn = draw(contest.patch_id.tolist(), contest.label.tolist(), DRAWN)
    after = predict_features(
        students[0].student.backbone,
        students[0].transform,
        store,
        [row_of[name] for name in contest.patch_id[drawn]],
        batch=batch,
        device=device,
        precision=precision,
        what="features after training",
    )
    columns, meta = _embedding_map(contest, drawn, _features_of(features, contest.patch_id[drawn]), after)
    meta |= {"variant": firsts[0]["variant"], "seed": firsts[0]["seed"]}
    write_table(embedding_map, columns, embedding_map_schema.SCHEMA, provenance, meta)

    # After the features: a model that is explained is frozen, which autocast does not serve (`precision.inference`).
    columns = _attributions(contest, firsts, students, store, row_of, device)
    seeds = {first["variant"]: first["seed"] for first in firsts}
    meta = {"classes": list(contest.classes), "seeds": seeds, "steps": STEPS}
    write_table(attributions, columns, attributions_schema.SCHEMA, provenance, meta)


def _attributions(
    contest: Contest,
    firsts: Sequence[Run],
    students: Sequence[ExportedStudent],
    store: PatchStore,
    row_of: Mapping[str, int],
    device: str,
) -> dict[str, list[Any]]:
    """The columns of the table of maps: both models of each picked patch, won ones first."""
    names = [contest.patch_id[i] for rows in contest.picked.values() for i in rows]
    columns: dict[str, list[Any]] = {name: [] for name in attributions_schema.SCHEMA.names}
    with Progress("attribute", len(names) * len(students), "maps") as progress:
        for first, one in zip(firsts, students, strict=True):
            one.student.to(device)
            for name in names:
                found = attribute(one.student, one.transform, store.batch([row_of[name]])[0], device=device)
                facts = (found.said, found.probability, found.map.reshape(-1), found.change, found.error)
                for column, value in zip(columns.values(), (name, first["variant"], *facts), strict=True):
                    column.append(value)
                progress.advance()
    return columns


def _features_of(features: Stored, names: np.ndarray) -> np.ndarray:
    """The features of the patches `names`, float32 (n, d)."""
    rows = pc.index_in(pa.array(names.tolist(), pa.string()), value_set=features.table.column("patch_id"))
    if rows.null_count:
        raise UserError(f"{features.path} lacks patches that were tested: delete it and run snakemake again")
    matrix: np.ndarray = embedding_matrix(features)[rows.to_numpy()]
    return matrix


def _embedding_map(
    contest: Contest, drawn: np.ndarray, before: np.ndarray, after: np.ndarray
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns of the table of points, and its facts."""
    label, group = contest.label[drawn], None if contest.group is None else contest.group[drawn]
    columns: dict[str, Any] = {"patch_id": contest.patch_id[drawn].tolist(), "label": label}
    meta: dict[str, Any] = {
        "classes": list(contest.classes),
        "n": len(contest.label),
        "neighbours": NEIGHBOURS,
        "grouped": group is not None,
    }
    for when, features in (("before", before), ("after", after)):
        points, shares = principal_plane(features)
        found, chance = agreement(features, label, group) or (None, None)
        columns |= {f"{when}_x": points[:, 0], f"{when}_y": points[:, 1]}
        meta[when] = {"variance": shares.tolist(), "agreement": found, "chance": chance}
    return columns, meta
