"""From a data set to a patch store: fix the order, tile each part, seal the store."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from clipit.artifacts.patch_layout import part_rows, patch_digest, rows_per_shard
from clipit.artifacts.patch_writer import PatchWriter
from clipit.artifacts.provenance import Origin, json_digest
from clipit.artifacts.schemas import items, patches, rejected, tiled
from clipit.artifacts.tables import read_table, write_json, write_table
from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress
from clipit.sources.image_source import BadImage, open_images
from clipit.tiling.listed import stored_items


def index_dataset(entry: Mapping[str, Any], store: Path, out: Path, *, origin: Origin) -> None:
    """Fixes the patches of a data set and their order (schema `items`), and makes an empty store for them."""
    listed = [{"index": i, **asdict(item)} for i, item in enumerate(open_images(entry).items())]
    PatchWriter.create(store, len(listed), entry["size"])
    columns = {name: [row[name] for row in listed] for name in items.SCHEMA.names}
    write_table(out, columns, items.SCHEMA, origin.provenance())


def tile_dataset(
    entry: Mapping[str, Any],
    index: Path,
    store: Path,
    out: Path,
    *,
    part: int,
    parts: int,
    threads: int = 1,
    origin: Origin,
) -> None:
    """Decodes the rows of one part into the store and writes what became of each (schema `tiled`)."""
    listed = stored_items(read_table(index, items.SCHEMA))
    patch_store = PatchWriter.open(store)
    rows = part_rows(len(listed), patch_store.size, part, parts)
    pixels = open_images(entry).pixels(listed[rows.start : rows.stop], threads)
    digests: list[str | None] = []
    reasons: list[str | None] = []
    with Progress(f"tile {Path(store).parent.name}", len(rows), "patches") as progress:
        for start, stop in _blocks(rows, patch_store.size):
            block = np.zeros((stop - start, patch_store.size, patch_store.size, 3), np.uint8)
            for row, patch in zip(block, pixels, strict=False):
                if isinstance(patch, BadImage):
                    digests.append(None)
                    reasons.append(str(patch))
                else:
                    row[:] = patch
                    digests.append(patch_digest(patch))
                    reasons.append(None)
                progress.advance()
            patch_store.write(start, block)
    columns = {"index": list(rows), "sha256": digests, "reason": reasons}
    write_table(out, columns, tiled.SCHEMA, origin.provenance(inputs={"items": index}))


def _blocks(rows: range, size: int) -> list[tuple[int, int]]:
    """Consecutive blocks of `rows`, a shard each: every shard is written once, and memory is bounded by one."""
    step = rows_per_shard(size)
    return [(start, min(start + step, rows.stop)) for start in range(rows.start, rows.stop, step)]


def seal_dataset(
    index: Path,
    tiled_parts: Sequence[Path],
    *,
    size: int,
    max_rejected: float,
    out_patches: Path,
    out_rejected: Path,
    out_success: Path,
    origin: Origin,
) -> None:
    """Joins the parts: the patches that are in the store, the rejected ones, and the sentinel, written last.

    Raises:
        UserError: more than `max_rejected` of the items were rejected, or a part is missing rows.
    """
    listed = read_table(index, items.SCHEMA)
    outcome = [row for part in tiled_parts for row in read_table(part, tiled.SCHEMA).table.to_pylist()]
    if [row["index"] for row in outcome] != list(range(len(listed.table))):
        raise UserError(
            f"the tiled parts of {Path(index).parent} do not cover its items: delete that folder and run again"
        )
    rows = [item | result for item, result in zip(listed.table.to_pylist(), outcome, strict=True)]
    good = [row for row in rows if row["reason"] is None]
    bad = [row for row in rows if row["reason"] is not None]
    digest = json_digest([(row["patch_id"], row["sha256"]) for row in good])
    provenance = origin.provenance(lineage={"patches": digest}, inputs={"items": index})
    columns = {name: [row[name] for row in bad] for name in rejected.SCHEMA.names}
    write_table(out_rejected, columns, rejected.SCHEMA, provenance)
    for row in bad:
        print(f"rejected {row['source']}: {row['reason']}", file=sys.stderr)
    if len(bad) > max_rejected * len(rows):
        raise UserError(
            f"{len(bad)} of {len(rows)} images cannot be used, more than max_rejected = {max_rejected:g} allows "
            f"(the first: {bad[0]['source']}: {bad[0]['reason']}): repair or remove them"
        )
    columns = {name: [row[name] for row in good] for name in patches.SCHEMA.names}
    write_table(out_patches, columns, patches.SCHEMA, provenance)
    write_json(out_success, {"shape": [len(rows), size, size, 3], "patches": len(good), "digest": digest}, provenance)
