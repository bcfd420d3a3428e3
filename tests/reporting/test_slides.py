"""The report shows what was kept of the slides, and which could not be used."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import slides as schema
from clipit.artifacts.tables import write_table
from clipit.reporting.slides import slides

HOSTILE = "train/<script>alert(1)</script>.svs"


def write_slides(path: Path, n: int, unusable: int = 0) -> Path:
    picture = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 100, 150)).save(picture, "JPEG")
    rows: list[dict[str, Any]] = [
        {"slide": f"train/{i:02}.svs", "width": 6000, "height": 4000, "mpp": 0.25, "tissue": 0.3, "tiles": 1000 + i,
         "reason": None, "thumbnail": picture.getvalue()}
        for i in range(n)
    ]  # fmt: skip
    rows[0] |= {"slide": HOSTILE, "mpp": None, "tiles": 1}
    nothing = dict.fromkeys(schema.SCHEMA.names)
    rows += [nothing | {"slide": f"test/{i}.svs", "tiles": 0, "reason": "no tissue found <b>"} for i in range(unusable)]
    columns = {name: [row[name] for row in rows] for name in schema.SCHEMA.names}
    write_table(path, columns, schema.SCHEMA, Origin("draw_slides").provenance())
    return path


def test_the_first_slides_are_pictured_with_their_facts(tmp_path: Path) -> None:
    (section,) = slides([{"dataset": "ward", "slides": write_slides(tmp_path / "s.parquet", 14, 15)}])
    assert section["dataset"] == "ward"
    assert section["summary"] == "29 slides with 13,092 tiles; the first 12 are shown"
    assert len(section["pictures"]) == 12
    assert section["pictures"][0]["about"] == "1 tile · 30% tissue · 6,000 × 4,000 px"
    assert section["pictures"][1]["about"] == "1,001 tiles · 30% tissue · 6,000 × 4,000 px · 0.25 µm per px"
    assert section["unusable"][0] == ("test/0.svs", "no tissue found <b>")
    assert (len(section["unusable"]), section["more_unusable"]) == (12, 3)


def test_the_page_holds_the_pictures_and_escapes_names(
    page: Callable[..., str], artefacts: dict[str, Any], tmp_path: Path
) -> None:
    shown = [{"dataset": "ward", "slides": write_slides(tmp_path / "s.parquet", 3, 1)}]
    html = page(experiments=[artefacts["experiments"][0] | {"slides": shown}])
    assert "Slides of ward" in html
    assert html.count('src="data:image/jpeg;base64,') == 3
    assert "<script" not in html
    assert "train/&lt;script&gt;alert(1)&lt;/script&gt;.svs" in html
    assert re.search(r"test/0\.svs</bdi>: no tissue found &lt;b&gt;", html)
    assert "Slides of" not in page()
