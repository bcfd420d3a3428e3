"""The explorer: one self-contained HTML page in which a sample of the images is looked at beside their reports."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clipit.artifacts.atomic import write_text
from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas.splits import SPLITS
from clipit.artifacts.tables import agree
from clipit.reporting.explorer_blocks import images_block, numbered, packed, pairs_block, reports_block
from clipit.reporting.explorer_data import RANKS, Images, read_chunks, read_images, read_ranked, read_texts
from clipit.reporting.passages import Sections
from clipit.reporting.sprites import COLUMNS, PER_SHEET, picture_side, sprite_sheets
from clipit.runtime.errors import UserError
from clipit.statistics.sampling import FEW, shares

MOST_IMAGES, MOST_BYTES = 5000, 45_000_000
_FEWEST_IMAGES = 100
_AXES = {"dataset": "Data set", "corpus": "Corpus", "retriever": "Retriever"}
_STYLES = ("palette.css", "explorer/style.css")
_SCRIPTS = (
    "unpack", "sprites", "text", "collection", "filters", "windowed", "form", "rows", "detail", "view", "keys", "app",
)  # fmt: skip


def build_explorer(
    out: Path,
    *,
    datasets: Mapping[str, Mapping[str, str | Path]],
    corpora: Mapping[str, str | Path],
    collections: Sequence[Mapping[str, Any]],
    show_text: bool,
    synthetic: bool,
    origin: Origin,
    most_images: int = MOST_IMAGES,
    most_bytes: int = MOST_BYTES,
) -> None:
    """Writes the page to `out`: script, styles, data and pictures inside, nothing loaded from elsewhere.

    Equal inputs give equal bytes.

    Args:
        datasets: name -> {"store", "patches", "splits", "labels"}.
        corpora: name -> reports.parquet.
        collections: what is shown together, {"dataset", "corpus", "retriever", "report_embeddings": path, "methods":
            [{"name", "pairs": path}]}; the first collection, and its first method, is shown first.
        show_text: False: neither a report's text nor its id is in the page; reports are numbered by how often they are
            used, and the sections that a passage lies in are named.
        synthetic: the page says that its data are.
        most_images: over all data sets; drawn by split and class where there are more.
        most_bytes: a larger page is made anew with fewer images, until it fits.

    Raises:
        UserError: nothing is paired, files do not belong together, or even a hundred images make too large a page.
    """
    if not collections:
        raise UserError(
            f"{out} would show nothing: no experiment pairs images with reports, nor names a pairing to audit"
        )
    images = {name: read_images(known) for name, known in datasets.items()}
    total = min(most_images, sum(map(len, images.values())))
    contents = _contents(images, datasets, corpora, collections)
    while True:
        shown = _drawn(images, total)
        blocks = {"contents": packed(contents)} | _image_blocks(images, shown, datasets)
        for i, corpus in enumerate(corpora):
            blocks |= _corpus_blocks(i, corpus, corpora, collections, images, shown, show_text=show_text)
        counts = [_counts(name, known, shown[name]) for name, known in images.items()]
        page = _render(blocks, counts, contents["varying"], show_text=show_text, synthetic=synthetic, code=origin.code)
        size = len(page.encode())
        if size <= most_bytes:
            break
        fewer = int(0.95 * total * most_bytes / size)
        if fewer < _FEWEST_IMAGES:
            raise UserError(
                f"{out} would take {size / 1e6:,.1f} MB with {total:,} images, and may take {most_bytes / 1e6:,.1f}: "
                "set report: {show_text: false}, or compare fewer pairings"
            )
        total = fewer
    write_text(out, page)


def _drawn(images: Mapping[str, Images], total: int) -> dict[str, np.ndarray]:
    """Positions of the images to show of each data set: these share alike what none needs for itself."""
    given = shares([len(known) for known in images.values()], total, few=total // len(images))
    return {name: known.sample(n) for (name, known), n in zip(images.items(), given, strict=True)}


def _image_blocks(
    images: Mapping[str, Images], shown: Mapping[str, np.ndarray], datasets: Mapping[str, Mapping[str, str | Path]]
) -> dict[str, str]:
    """Names and pictures of every data set's images."""
    blocks = {}
    for i, (name, known) in enumerate(images.items()):
        blocks[f"images-{i}"] = packed(images_block(known, shown[name]))
        sheets = sprite_sheets(PatchStore(datasets[name]["store"]), known.row[shown[name]])
        blocks |= {f"sheet-{i}-{j}": base64.b64encode(sheet).decode() for j, sheet in enumerate(sheets)}
    return blocks


def _corpus_blocks(
    i: int,
    corpus: str,
    corpora: Mapping[str, str | Path],
    collections: Sequence[Mapping[str, Any]],
    images: Mapping[str, Images],
    shown: Mapping[str, np.ndarray],
    *,
    show_text: bool,
) -> dict[str, str]:
    """A corpus and its collections, which share the reports' numbers."""
    ranked = {}
    for c, collection in enumerate(collections):
        if collection["corpus"] == corpus:
            dataset = collection["dataset"]
            names = [images[dataset].patch_id[j] for j in shown[dataset]]
            ranked[c] = [read_ranked(method["pairs"], names) for method in collection["methods"]]
    number = numbered(method for methods in ranked.values() for method in methods)
    stored, texts = read_texts(corpora[corpus], set(number))
    sections: dict[str, Sections] = {}
    blocks = {f"reports-{i}": packed(reports_block(number, texts, show_text=show_text))}
    for c, methods in ranked.items():
        chunks = read_chunks(collections[c]["report_embeddings"])
        agree(images[collections[c]["dataset"]].stored, stored, chunks.stored, *(method.stored for method in methods))
        blocks[f"pairs-{c}"] = packed(pairs_block(methods, chunks, number, texts, sections, show_text=show_text))
    return blocks


def _contents(
    images: Mapping[str, Images],
    datasets: Mapping[str, Mapping[str, str | Path]],
    corpora: Mapping[str, str | Path],
    collections: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What the script finds in the page; a collection is named by what sets it apart from the others."""
    varying = [axis for axis in _AXES if len({collection[axis] for collection in collections}) > 1]
    return {
        "ranks": RANKS,
        "splits": SPLITS,
        "columns": COLUMNS,
        "per_sheet": PER_SHEET,
        "varying": [_AXES[axis] for axis in varying],
        "datasets": [
            {
                "classes": known.classes,
                "weak": known.weak,
                "all": len(known),
                "side": picture_side(PatchStore(datasets[name]["store"])),
            }
            for name, known in images.items()
        ],
        "collections": [
            {
                "dataset": list(images).index(collection["dataset"]),
                "corpus": list(corpora).index(collection["corpus"]),
                "name": " · ".join(collection[axis] for axis in varying),
                "about": f"{collection['dataset']} with {collection['corpus']} by {collection['retriever']}",
                "methods": [method["name"] for method in collection["methods"]],
            }
            for collection in collections
        ],
    }


def _render(
    blocks: Mapping[str, str],
    counts: Sequence[Mapping[str, Any]],
    varying: Sequence[str],
    *,
    show_text: bool,
    synthetic: bool,
    code: str,
) -> str:
    """The page around its blocks."""
    style = "\n".join(map(_template, _STYLES))
    script = _in_one_scope(_template(f"explorer/{name}.js") for name in _SCRIPTS)
    environment = Environment(
        loader=PackageLoader("clipit.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("explorer/page.html.jinja").render(
        style=Markup(style),
        style_hash=_csp_hash(style),
        script=Markup(script),
        script_hash=_csp_hash(script),
        blocks=blocks,
        datasets=counts,
        varying=" · ".join(varying),
        few=FEW,
        ranks=RANKS,
        most_images=MOST_IMAGES,
        most_megabytes=MOST_BYTES // 1_000_000,
        show_text=show_text,
        synthetic=synthetic,
        code=code[:12],
    )


def _counts(name: str, images: Images, shown: np.ndarray) -> dict[str, Any]:
    """How many images of each split and class are shown, and how many there are."""
    every = Counter(zip(images.split, images.label.tolist(), strict=True))
    drawn = Counter((images.split[i], int(images.label[i])) for i in shown)
    groups = sorted(every, key=lambda group: (SPLITS.index(group[0]), group[1]))
    return {
        "name": name,
        "weak": images.weak,
        "n": len(shown),
        "all": len(images),
        "groups": [(split, images.classes[label], drawn[split, label], every[split, label]) for split, label in groups],
    }


def _template(name: str) -> str:
    return (files("clipit.reporting") / "templates" / name).read_text(encoding="utf-8")


def _in_one_scope(parts: Iterable[str]) -> str:
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


def _csp_hash(text: str) -> str:
    """What a content security policy knows an inline element by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
