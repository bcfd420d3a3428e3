"""What the documentation says of real reports and tiles, which are not part of this project.

CLIPIT_REAL_DATA names a folder with reports/tcga_colon.txt (TCGA's 376 colon reports, one a line) and nct9/ (a tile of
each of the nine classes of NCT-CRC-HE-100K).
"""

import os
import re
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import reports
from clipit.artifacts.tables import Stored, read_table
from clipit.corpus.clean import clean_reports
from clipit.sources.crc import CLASSES, TEST, TRAIN, CrcImages

DATA = Path(os.environ.get("CLIPIT_REAL_DATA", ""))
REPORTS, TILES = DATA / "reports" / "tcga_colon.txt", DATA / "nct9"

pytestmark = pytest.mark.skipif(
    "CLIPIT_REAL_DATA" not in os.environ, reason="CLIPIT_REAL_DATA names no folder with real data"
)


def corpus(folder: Path, *, cleaning: str = "lossless", split: bool = False) -> Stored:
    entry = {
        "source": "text",
        "path": str(REPORTS),
        "column": "text",
        "id_column": None,
        "patient_column": None,
        "cleaning": cleaning,
        "split_sections": split,
    }
    clean_reports(entry, folder / "reports.parquet", origin=Origin("test"))
    return read_table(folder / "reports.parquet", reports.SCHEMA)


def every_text(stored: Stored) -> list[str]:
    """The texts in the order of their lines, those that were folded included."""
    text = {}
    for row in stored.table.to_pylist():
        text |= dict.fromkeys([row["report_id"], *row["duplicates"]], row["text"])
    return [text[name] for name in sorted(text, key=lambda name: int(re.findall(r"\d+", name)[0]))]


def tokens(text: str) -> list[str]:
    """Runs of letters, digits and numbers, whatever the script."""
    return "".join(c if unicodedata.category(c)[0] in "LN" else " " for c in text).split()


def test_every_token_of_the_reports_survives_lossless_cleaning_in_order(tmp_path: Path) -> None:
    stored = corpus(tmp_path)
    assert (stored.meta["read"], stored.meta["folded"], stored.meta["empty"]) == (376, 1, [])
    found = tokens(unicodedata.normalize("NFC", REPORTS.read_text(encoding="utf-8")))
    kept = [token for text in every_text(stored) for token in tokens(text)]
    assert len(found) == 145_587
    assert kept == found


def test_how_many_words_upstream_cleaning_damages(tmp_path: Path) -> None:
    words = REPORTS.read_text(encoding="utf-8").split()
    assert len(words) == 140_284
    without = [re.sub(r"[1Ii|]", "", word) for word in words]
    assert round(100 * np.mean([a != b for a, b in zip(words, without, strict=True)]), 1) == 40.0
    assert round(100 * np.mean([not word for word in without]), 1) == 1.8
    assert not any(set("1Ii|") & set(text) for text in every_text(corpus(tmp_path, cleaning="upstream")))


def test_how_many_sections_the_reports_have(tmp_path: Path) -> None:
    stored = corpus(tmp_path, split=True)
    with_heading = stored.meta["read"] - stored.meta["unsplit"]
    assert with_heading == 329
    assert len(stored.table) + stored.meta["folded"] + len(stored.meta["empty"]) == 1_348
    assert len(stored.table) == 1_288


def test_real_tiles_are_stored_as_they_are(tmp_path: Path) -> None:
    for name in (TRAIN[0], TEST[0]):
        for tile in TILES.glob("*.tif"):
            copy = tmp_path / name / tile.name.partition("-")[0] / tile.name
            copy.parent.mkdir(parents=True)
            shutil.copy(tile, copy)
    tiles = CrcImages({"files": {"train": str(tmp_path), "test": str(tmp_path)}, "mpp": 0.5, "size": 224})
    items = tiles.items()
    known = tiles.labels(items)
    assert [known.classes[label] for label in known.of] == [*CLASSES, *CLASSES]
    for item, pixels in zip(items, tiles.pixels(items, 2), strict=True):
        assert isinstance(pixels, np.ndarray), f"{item.source}: {pixels}"
        assert np.array_equal(pixels, tifffile.imread(TILES / Path(item.source).name))
