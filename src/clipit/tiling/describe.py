"""What is known of each patch besides its pixels: split, label, caption, and the phantom's truth."""

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import captions, image_truth, labels, patches, splits
from clipit.artifacts.schemas.splits import SPLITS
from clipit.artifacts.tables import Stored, read_table, write_table
from clipit.runtime.errors import UserError
from clipit.sources.drawn_splits import all_test
from clipit.sources.image_source import open_images
from clipit.sources.listing import check_classes
from clipit.tiling.listed import stored_items


def split_dataset(entry: Mapping[str, Any], patches_file: Path, out: Path, *, origin: Origin) -> None:
    """Writes the split of every stored patch (schema `splits`), and tells of equal pixels in two splits.

    Raises:
        UserError: a group (patient) stands in two splits.
    """
    stored = read_table(patches_file, patches.SCHEMA)
    split = open_images(entry).splits(stored_items(stored))
    home: dict[str, str] = {}
    for group, name in zip(stored.column("group"), split, strict=True):
        if group is not None and home.setdefault(group, name) != name:
            raise UserError(
                f"group {group!r} has patches in {home[group]} and in {name}: a patient belongs to one split"
            )
    _tell_equal_pixels(stored, split)
    columns = {"patch_id": stored.column("patch_id"), "split": split}
    write_table(
        out, columns, splits.SCHEMA, _provenance(stored, origin), {"counts": dict(sorted(Counter(split).items()))}
    )


def _tell_equal_pixels(stored: Stored, split: list[str]) -> None:
    """Says on stderr how many patches have the pixels of one in another split: they may be the same image twice."""
    known = stored.table.select(["patch_id", "sha256"]).append_column("split", pa.array(split))
    splits_of = known.group_by("sha256").aggregate([("split", "count_distinct")])
    several = splits_of.filter(pc.greater(splits_of["split_count_distinct"], 1))["sha256"]
    equal = known.filter(pc.is_in(known["sha256"], value_set=several))
    if not len(equal):
        return
    first = equal.slice(0, 1).to_pylist()[0]
    others = pc.and_(pc.equal(equal["sha256"], first["sha256"]), pc.not_equal(equal["split"], first["split"]))
    other = equal.filter(others).slice(0, 1).to_pylist()[0]
    print(
        f"{len(equal):,} patches have the same pixels as one in another split (the first: {first['patch_id']} in "
        f"{first['split']}, {other['patch_id']} in {other['split']}): what is learnt from one is tested on the other",
        file=sys.stderr,
    )


def label_dataset(
    entry: Mapping[str, Any], patches_file: Path, splits_file: Path, out: Path, *, origin: Origin
) -> None:
    """Writes the label of every stored patch (schema `labels`), keeping `train_labels` of the train ones.

    A label that is held back is in no table that a later stage reads. Of a data set that is all test, for models that
    are trained elsewhere, classes may be missing.

    Raises:
        UserError: a split has no labelled patch, or not the classes that another one has.
    """
    stored = read_table(patches_file, patches.SCHEMA)
    split_of = dict(zip(*map(read_table(splits_file, splits.SCHEMA).column, ("patch_id", "split")), strict=True))
    known = open_images(entry).labels(stored_items(stored))
    label = list(known.of)
    split = [split_of[patch] for patch in stored.column("patch_id")]
    # What was listed may have been rejected, may lie under no region, or may all have been drawn to val.
    if not all_test(split):
        check_classes(
            entry.get("path", entry["source"]),
            sorted({(name, known.classes[c]) for name, c in zip(split, label, strict=True) if c is not None}),
            "patch",
            SPLITS,
            "see rejected.parquet for what could not be used; where val is drawn, try another val_share or split_seed",
        )
    train = [i for i, name in enumerate(split) if name == "train" and label[i] is not None]
    if entry["train_labels"] is not None:
        kept = _evenly(train, label, entry["train_labels"], entry["label_seed"])
        for i in set(train) - kept:
            label[i] = None
    columns = {"patch_id": stored.column("patch_id"), "label": label}
    write_table(
        out,
        columns,
        labels.SCHEMA,
        origin.provenance(lineage=stored.lineage, inputs={"patches": stored.path, "splits": splits_file}),
        {"classes": known.classes, "weak": known.weak},
    )


def _evenly(rows: list[int], label: list[int | None], n: int, seed: int) -> set[int]:
    """`n` of `rows`, the same number of each class as far as it goes, drawn at random."""
    of_class: dict[int | None, list[int]] = defaultdict(list)
    for row in rows:
        of_class[label[row]].append(row)
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(of_class[c]).tolist() for c in sorted(of_class, key=lambda c: -1 if c is None else c)]
    rounds = [members[i] for i in range(max(map(len, drawn), default=0)) for members in drawn if i < len(members)]
    return set(rounds[:n])


def caption_dataset(entry: Mapping[str, Any], patches_file: Path, out: Path, *, origin: Origin) -> None:
    """Writes the caption of every stored patch (schema `captions`)."""
    stored = read_table(patches_file, patches.SCHEMA)
    caption = open_images(entry).captions(stored_items(stored))
    columns = {"patch_id": stored.column("patch_id"), "caption": caption}
    write_table(out, columns, captions.SCHEMA, _provenance(stored, origin))


def reveal_image_truth(entry: Mapping[str, Any], patches_file: Path, out: Path, *, origin: Origin) -> None:
    """Writes what the phantom knows of its patches (schema `image_truth`), for the audit alone."""
    stored = read_table(patches_file, patches.SCHEMA)
    images, listed = open_images(entry), stored_items(stored)
    columns = {
        "patch_id": stored.column("patch_id"),
        "finding": images.findings(listed),
        "label": images.labels(listed).of,
    }
    write_table(out, columns, image_truth.SCHEMA, _provenance(stored, origin))


def _provenance(stored: Stored, origin: Origin) -> dict[str, Any]:
    return origin.provenance(lineage=stored.lineage, inputs={"patches": stored.path})
