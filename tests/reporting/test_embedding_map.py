import re
from pathlib import Path
from typing import Any

import pytest

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import embedding_map as schema
from clipit.artifacts.tables import write_table
from clipit.reporting.embedding_map import MARGIN, WIDTH, embedding_map

FACTS = {"variance": [0.5, 0.25], "agreement": 0.0, "chance": 0.2}
META: dict[str, Any] = {"variant": "clipit", "seed": 0, "n": 4, "neighbours": 10, "grouped": False}


def drawn(path: Path, label: list[int], before: list[tuple[float, float]], n_classes: int = 3) -> dict[str, Any]:
    columns = {"patch_id": [str(i) for i in range(len(label))], "label": label}
    x, y = zip(*before, strict=True)
    columns |= {"before_x": x, "before_y": y, "after_x": y, "after_y": x}
    meta = META | {"classes": [f"class {i}" for i in range(n_classes)], "before": FACTS, "after": FACTS}
    write_table(path, columns, schema.SCHEMA, Origin("explain").provenance(), meta)
    return embedding_map(path)


def starts(plot: dict[str, Any]) -> list[list[tuple[int, int]]]:
    return [[(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)", path["d"])] for path in plot["paths"]]


def test_points_keep_their_shape_and_up_is_up(tmp_path: Path) -> None:
    found = drawn(tmp_path / "map.parquet", [0, 2, 0], [(0, 0), (4, 1), (2, 0)])
    before, after = found["plots"]
    step = (WIDTH - 2 * MARGIN) // 4
    low = MARGIN + step
    assert starts(before) == [[(MARGIN, low), (MARGIN + 2 * step, low)], [(MARGIN + 4 * step, MARGIN)]]
    # Upright it is as high as the other is wide, in the middle; both drawings are as high as the higher one.
    assert found["height"] == WIDTH
    assert {y for points in starts(after) for _, y in points} == {MARGIN, MARGIN + 2 * step, MARGIN + 4 * step}
    assert [one["name"] for one in found["classes"]] == ["class 0", "class 2"], "no patch is of class 1"
    assert (before["agreement"], before["chance"], before["variance"]) == ("0%", "20%", ["50%", "25%"])


def test_no_two_classes_look_alike_and_a_shape_tells_nine_apart(tmp_path: Path) -> None:
    found = drawn(tmp_path / "map.parquet", list(range(60)), [(i, i % 7) for i in range(60)], 60)
    assert len({(one["d"], one["colour"]) for one in found["classes"]}) == 60
    assert len({one["d"] for one in found["classes"][:9]}) == 9


@pytest.mark.parametrize("points", [[(1, 1)], [(1, 1), (1, 1)]])
def test_patches_at_one_point_are_drawn(tmp_path: Path, points: list[tuple[float, float]]) -> None:
    found = drawn(tmp_path / "map.parquet", [0] * len(points), points)
    assert starts(found["plots"][0]) == [[(WIDTH // 2, MARGIN)] * len(points)]
