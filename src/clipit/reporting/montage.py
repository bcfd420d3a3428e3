"""A few patches of every class with the reports they were paired with."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from PIL import Image

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.schemas import labels as labels_schema
from clipit.artifacts.schemas import pairs as pairs_schema
from clipit.artifacts.schemas import patches as patches_schema
from clipit.artifacts.schemas import reports as reports_schema
from clipit.artifacts.tables import agree, read_table

PER_CLASS, WORDS, SIDE = 3, 60, 160


def montage(files: Mapping[str, str | Path], *, show_text: bool) -> list[dict[str, Any]]:
    """[{"name": class, "items": [{"image": data URI, "similarity", "report", "id"}]}].

    `files` are `store`, `patches`, `labels`, `pairs` and `reports`. Without `show_text` the reports are not even read,
    and neither text nor id is in the result.
    """
    patches = read_table(files["patches"], patches_schema.SCHEMA)
    labels = read_table(files["labels"], labels_schema.SCHEMA)
    pairs = read_table(files["pairs"], pairs_schema.SCHEMA)
    agree(patches, labels, pairs)
    texts: dict[str, str] = {}
    if show_text:
        reports = read_table(files["reports"], reports_schema.SCHEMA)
        agree(pairs, reports)
        texts = dict(zip(reports.column("report_id"), reports.column("text"), strict=True))
    best = pairs.table.filter(pc.equal(pairs.table.column("rank"), 0)).to_pylist()
    paired = {pair["patch_id"]: pair for pair in best}
    row_of = dict(zip(patches.column("patch_id"), patches.column("index"), strict=True))
    store = PatchStore(files["store"])
    label_of = dict(zip(labels.column("patch_id"), labels.column("label"), strict=True))
    sections = []
    for number, name in enumerate(labels.meta["classes"]):
        members = [patch for patch in row_of if patch in paired and label_of.get(patch) == number]
        chosen = [members[i] for i in np.linspace(0, len(members) - 1, min(PER_CLASS, len(members))).astype(int)]
        items = []
        for patch in chosen:
            pixels, pair = store.batch([row_of[patch]])[0], paired[patch]
            item = {"image": data_uri(pixels), "similarity": f"{pair['similarity']:.2f}"}
            if show_text:
                item |= {"id": pair["report_id"], "report": beginning(texts[pair["report_id"]])}
            items.append(item)
        if items:
            sections.append({"name": name, "items": items})
    return sections


def beginning(text: str) -> str:
    """The first words of a report."""
    words = text.split()
    return " ".join(words[:WORDS]) + (" …" if len(words) > WORDS else "")


def data_uri(patch: np.ndarray) -> str:
    """A patch, uint8 (s, s, 3), as a PNG that stands in the page itself."""
    image = Image.fromarray(patch)
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
