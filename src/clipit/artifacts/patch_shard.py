"""One uncompressed shard of a patch store as a memory map."""

import mmap
import os

import google_crc32c
import numpy as np

from clipit.artifacts.patch_layout import Layout


def map_shard(layout: Layout, shard: int) -> np.ndarray | None:
    """The patches of a shard as they lie in its file, read-only uint8 (rows, size, size, 3).

    None where they do not lie there as they are, whole, one after another, by the shard's own index.
    """
    if not layout.plain:
        return None
    try:
        with open(layout.file(shard), "rb") as opened:
            if os.fstat(opened.fileno()).st_size < layout.file_bytes(shard):
                return None
            content = np.frombuffer(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    except FileNotFoundError:
        return None
    start = _first_patch(layout, content[-layout.index_bytes :].tobytes(), layout.rows_in(shard))
    if start is None:
        return None
    stop = start + layout.rows_in(shard) * layout.patch_bytes
    if stop > len(content) - layout.index_bytes:
        return None
    return content[start:stop].reshape(-1, layout.size, layout.size, 3)


def _first_patch(layout: Layout, index: bytes, rows: int) -> int | None:
    """Where the first of `rows` patches starts, if the index is intact and the others follow it without a gap."""
    if google_crc32c.value(index[:-4]) != int.from_bytes(index[-4:], "little"):
        return None
    offset, length = np.frombuffer(index, "<u8", count=2 * rows).reshape(rows, 2).T
    follow = (length == layout.patch_bytes).all() and (np.diff(offset) == layout.patch_bytes).all()
    return int(offset[0]) if follow else None
