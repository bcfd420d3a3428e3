"""Compares a store with the digests that were taken when it was written."""

from pathlib import Path

from clipit.artifacts.patch_layout import patch_digest
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.tables import read_table
from clipit.runtime.progress import Progress

_BATCH = 256


def verify(store: str | Path, patches: str | Path) -> list[str]:
    """The ids of the patches, listed in the table `patches`, whose pixels no longer match their SHA-256.

    Reads every patch, a few hundred at a time.

    Raises:
        UserError: the store or the table is missing, damaged or unfinished.
    """
    table = read_table(patches, patches_schema.SCHEMA)
    opened, ids, digests = PatchStore(store), table.column("patch_id"), table.column("sha256")
    changed = []
    with Progress(f"verify {Path(store).parent.name}", len(ids), "patches") as progress:
        for _, images in opened.stream(_BATCH, rows=table.column("index")):
            for image in images:
                if patch_digest(image) != digests[progress.done]:
                    changed.append(ids[progress.done])
                progress.advance()
    return changed
