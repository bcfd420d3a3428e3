"""Small pictures of many patches, a hundred a sheet, for a page that decodes a sheet when it is looked at."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from clipit.artifacts.patch_store import PatchStore
from clipit.runtime.progress import Progress

SIDE, COLUMNS, PER_SHEET = 96, 10, 100
_QUALITY = 80


def picture_side(store: PatchStore) -> int:
    """Side of a picture in pixels: 96, or that of the store's patches where it is less."""
    return min(SIDE, store.size)


def sprite_sheets(store: PatchStore, rows: np.ndarray) -> Iterator[bytes]:
    """WebP sheets of the patches at `rows`, int64 (n,): ten pictures a line, line after line, a hundred a sheet."""
    with Progress("draw pictures", len(rows), "images") as progress:
        for _, patches in store.stream(PER_SHEET, rows=rows):
            yield _sheet(patches, picture_side(store))
            progress.advance(len(patches))


def _sheet(patches: np.ndarray, side: int) -> bytes:
    """`patches` uint8 (n, size, size, 3), drawn `side` pixels wide each."""
    sheet = Image.new("RGB", (COLUMNS * side, -(-len(patches) // COLUMNS) * side))
    for i, patch in enumerate(patches):
        picture = Image.fromarray(patch)
        if picture.width != side:
            picture = picture.resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(picture, (i % COLUMNS * side, i // COLUMNS * side))
    buffer = io.BytesIO()
    sheet.save(buffer, format="WEBP", quality=_QUALITY, method=4)
    return buffer.getvalue()
