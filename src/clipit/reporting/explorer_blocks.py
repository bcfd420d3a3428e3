"""The explorer's data as the page holds it: columns of numbers, packed into blocks that a browser unpacks."""

import base64
import gzip
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from clipit.artifacts.schemas.splits import SPLITS
from clipit.reporting.explorer_data import Chunks, Images, Ranked
from clipit.reporting.passages import Sections, utf16_place


def packed(value: Any) -> str:
    """A JSON value as base64 of its gzip: no character of it means anything to HTML. Equal values, equal text."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def images_block(images: Images, shown: np.ndarray) -> dict[str, Any]:
    """Names, splits and classes of the images at the positions `shown`."""
    return {
        "patch_id": [images.patch_id[i] for i in shown],
        "split": [SPLITS.index(images.split[i]) for i in shown],
        "class": images.label[shown].tolist(),
    }


def numbered(ranked: Iterable[Ranked]) -> dict[str, int]:
    """report_id -> its place among the reports shown: most often first over all methods first, then by id."""
    uses: Counter[str] = Counter()
    for method in ranked:
        uses.update({str(report): 0 for report in method.report_id.ravel() if report is not None})
        uses.update({report: n for report, n in method.uses.items() if report in uses})
    ordered = sorted(uses, key=lambda report: (-uses[report], report))
    return {report: number for number, report in enumerate(ordered)}


def reports_block(number: Mapping[str, int], texts: Mapping[str, str], *, show_text: bool) -> dict[str, Any]:
    """The reports shown, in the order of their numbers; without `show_text` only how many they are."""
    if not show_text:
        return {"n": len(number)}
    return {"n": len(number), "report_id": list(number), "text": [texts[report] for report in number]}


def pairs_block(
    ranked: Sequence[Ranked],
    chunks: Chunks,
    number: Mapping[str, int],
    texts: Mapping[str, str],
    sections: dict[str, Sections],
    *,
    show_text: bool,
) -> dict[str, Any]:
    """{"passages": columns, "sections": names, "methods": columns a method}.

    A passage is a chunk of a report: the report's number, the index of the sections it lies in, and, with `show_text`,
    its place in UTF-16 units. A method has, image after image and rank after rank, its passage, similarity, score and
    weight (null where a rank is missing), and of how many images of the data set each report is the first.
    `sections` keeps what was found of each report, for the next call.
    """
    row_of: dict[tuple[str, int], int] = {}
    names: dict[str, int] = {}
    passages: dict[str, list[int]] = {name: [] for name in ("report", "section", *(("start", "stop") * show_text))}

    def row(report: str, chunk: int) -> int:
        key = report, chunk
        if key not in row_of:
            row_of[key] = len(row_of)
            start, stop = chunks.of(report, chunk)
            if report not in sections:
                sections[report] = Sections(texts[report])
            passages["report"].append(number[report])
            passages["section"].append(names.setdefault(sections[report].of(start, stop), len(names)))
            if show_text:
                place = utf16_place(texts[report], start, stop)
                passages["start"].append(place[0])
                passages["stop"].append(place[1])
        return row_of[key]

    methods = []
    for method in ranked:
        pairs = zip(method.report_id.ravel(), method.chunk.ravel().tolist(), strict=True)
        methods.append(
            {
                "passage": [None if report is None else row(report, chunk) for report, chunk in pairs],
                "similarity": _rounded(method.similarity),
                "score": _rounded(method.score),
                "weight": _rounded(method.weight),
                "uses": [method.uses.get(report, 0) for report in number],
            }
        )
    return {"passages": passages, "sections": list(names), "methods": methods}


def _rounded(values: np.ndarray) -> list[float | None]:
    """Four digits; null where there is no number."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values.ravel().tolist()]
