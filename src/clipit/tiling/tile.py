"""From a data set to a patch store: fix the order, tile each part, seal the store."""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clipit.artifacts.patch_layout import check_shards, part_rows, patch_digest
from clipit.artifacts.patch_writer import PatchWriter
from clipit.artifacts.provenance import Origin, file_digest, json_digest
from clipit.artifacts.schemas import items, patches, rejected, tiled
from clipit.artifacts.tables import Stored, read_table, write_json, write_table
from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress
from clipit.runtime.refused import told_when_refused
from clipit.sources.disk import flush, require_room
from clipit.sources.image_source import BadImage, ImageSource, Patch, open_images
from clipit.tiling.listed import stored_items

_TOLD = 20  # rejected items that are named in the log
_PIECE = 4_096  # items that are in memory at a time
_DIGESTED = 65_536  # patches whose digests are joined at a time; part of the store's digest


def index_dataset(entry: Mapping[str, Any], store: Path, out: Path, *, origin: Origin) -> None:
    """Fixes the patches of a data set and their order (schema `items`), and makes an empty store for them.

    Raises:
        UserError: the disk has no room for the patches, or may not be written.
    """
    listed = open_images(entry).items()
    with told_when_refused(store):
        PatchWriter.create(store, len(listed), entry["size"])
    require_room(Path(store), len(listed) * entry["size"] ** 2 * 3, f"a store of {len(listed):,} patches")
    columns: dict[str, Any] = {"index": np.arange(len(listed))}
    for name in items.SCHEMA.names[1:]:
        columns[name] = [getattr(item, name) for item in listed]
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
    """Decodes the rows of one part into the store and writes what became of each (schema `tiled`).

    `threads` threads decode, digest and write, each its own few patches at a time, so that few are in memory.

    Raises:
        UserError: the disk is full, or may not be written.
    """
    table = read_table(index, items.SCHEMA)
    writer = PatchWriter.open(store)
    rows = part_rows(len(table.table), writer.size, part, parts)
    images = open_images(entry)
    with told_when_refused(store):
        outcomes = _fill(writer, rows, table, images, threads, Path(store).parent.name)
    digests, reasons = zip(*outcomes, strict=True) if outcomes else ((), ())
    columns = {"index": np.arange(rows.start, rows.stop), "sha256": list(digests), "reason": list(reasons)}
    write_table(out, columns, tiled.SCHEMA, origin.provenance(inputs={"items": index}))


def _fill(
    writer: PatchWriter, rows: range, table: Stored, images: ImageSource, threads: int, name: str
) -> list[tuple[str | None, str | None]]:
    """Writes the patches of `rows`; gives the digest of each, or the reason why there is none."""
    nothing = np.zeros((writer.size, writer.size, 3), np.uint8)
    outcomes: list[tuple[str | None, str | None]] = []
    with Progress(f"tile {name}", len(rows), "patches") as progress, writer:
        for start in range(rows.start, rows.stop, _PIECE):
            piece = rows[start - rows.start : start - rows.start + _PIECE]

            def keep(first: int, patches: list[Patch], start: int = start) -> list[tuple[str | None, str | None]]:
                writer.put(start + first, [nothing if isinstance(patch, BadImage) else patch for patch in patches])
                return [
                    (None, str(patch)) if isinstance(patch, BadImage) else (patch_digest(patch), None)
                    for patch in patches
                ]

            with contextlib.closing(images.runs(stored_items(table, piece), threads, keep)) as runs:
                for outcome in runs:
                    outcomes += outcome
                    progress.advance(len(outcome))
    return outcomes


def seal_dataset(
    index: Path,
    tiled_parts: Sequence[Path],
    *,
    store: Path,
    size: int,
    max_rejected: float,
    out_patches: Path,
    out_rejected: Path,
    out_success: Path,
    origin: Origin,
) -> None:
    """Joins the parts: the patches that are in the store, the rejected ones, and the sentinel, written last.

    Raises:
        UserError: more than `max_rejected` of the items were rejected, or of the images and slides give no patch; a
            part is missing rows or is of other items; or the store is missing patches: another run, killed since, has
            begun it anew.
    """
    listed = read_table(index, items.SCHEMA).table
    parts = [read_table(part, tiled.SCHEMA) for part in tiled_parts]
    outcome = pa.concat_tables(part.table for part in parts)
    of_others = any(part.provenance["inputs"]["items"] != file_digest(index) for part in parts)
    if of_others or not outcome["index"].equals(listed["index"]):
        raise UserError(
            f"the tiled parts of {Path(index).parent} do not cover its items: delete that folder and run again"
        )
    check_shards(store)
    with told_when_refused(store):
        flush(Path(store))  # what is declared must outlive a power cut; once, since each shard would wait for the disk
    rows = listed.append_column("sha256", outcome["sha256"]).append_column("reason", outcome["reason"])
    stored = pc.is_null(rows["reason"])
    good, bad = rows.filter(stored), rows.filter(pc.invert(stored))
    digest = _content_digest(good)
    provenance = origin.provenance(lineage={"patches": digest}, inputs={"items": index})
    write_table(out_rejected, bad, rejected.SCHEMA, provenance)
    _tell_rejected(bad)
    if len(bad) > max_rejected * len(rows):
        raise UserError(
            f"{len(bad):,} of {len(rows):,} images cannot be used, more than max_rejected = {max_rejected:g} allows "
            f"(the first: {bad['source'][0]}: {bad['reason'][0]}): repair or remove them"
        )
    # An unusable slide is one item, a good one is thousands.
    sources, used = (pc.unique(table["source"]) for table in (rows, good))
    if len(sources) - len(used) > max_rejected * len(sources):
        lost = bad.filter(pc.invert(pc.is_in(bad["source"], value_set=used)))
        raise UserError(
            f"{len(sources) - len(used):,} of {len(sources):,} slides or images give no patch, more than max_rejected "
            f"= {max_rejected:g} allows (the first: {lost['source'][0]}: {lost['reason'][0]}): repair or remove them"
        )
    write_table(out_patches, good, patches.SCHEMA, provenance)
    write_json(out_success, {"shape": [len(rows), size, size, 3], "patches": len(good), "digest": digest}, provenance)


def _content_digest(good: pa.Table) -> str:
    """A digest of the patches' names and pixels, in order; piece by piece, to bound the memory."""
    pieces = (good.slice(start, _DIGESTED) for start in range(0, len(good), _DIGESTED))
    return json_digest([json_digest([p["patch_id"].to_pylist(), p["sha256"].to_pylist()]) for p in pieces])


def _tell_rejected(bad: pa.Table) -> None:
    """The log keeps the first reasons even where the stage fails and its tables go."""
    for row in bad.slice(0, _TOLD).to_pylist():
        print(f"rejected {row['patch_id']}: {row['reason']}", file=sys.stderr)
    if len(bad) > _TOLD:
        print(f"… and {len(bad) - _TOLD:,} more", file=sys.stderr)
