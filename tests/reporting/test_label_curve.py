"""The drawing of accuracy by labels, from invented numbers."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from clipit.reporting.label_curve import label_curve
from clipit.reporting.svg import COLOURS, INK

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
SIX = ("probe", "lora_only", "clipit", "random_pairing", "image_distillation", "image_distillation_unlabelled")
COUNTS = (24.0, 48.0, 120.0, 240.3)


def row(variant: str, n_labels: float, value: float, half: float = 0.02) -> dict[str, Any]:
    return {"variant": variant, "n_labels": n_labels, "value": value, "low": value - half, "high": value + half}


def rising(variants: Sequence[str] = SIX, counts: Sequence[float] = COUNTS) -> list[dict[str, Any]]:
    """Invented rows; a later variant is better by half a point, so that names crowd."""
    return [row(v, n, 0.5 + 0.05 * math.log(n / 20) + 0.005 * i) for i, v in enumerate(variants) for n in counts]


def drawn(rows: Sequence[dict[str, Any]]) -> ElementTree.Element:
    return ElementTree.fromstring(str(label_curve(rows, "invented")))


def texts(svg: ElementTree.Element) -> dict[str, tuple[float, float]]:
    """Where each text stands."""
    return {str(e.text): (float(e.attrib["x"]), float(e.attrib["y"])) for e in svg.iter(f"{SVG}text")}


def marks(svg: ElementTree.Element, number: int) -> list[tuple[float, float, str]]:
    """(x, y, outline) of the markers of a variant: its points, then the one beside its name."""
    outlines = {f"#{e.get('id')}": e.attrib["d"] for e in svg.iter(f"{SVG}path")}
    return [
        (float(e.attrib["x"]), float(e.attrib["y"]), outlines[e.attrib[LINK]])
        for e in svg.iter(f"{SVG}use")
        if f"fill: {COLOURS[number]}" in e.get("style", "")
    ]


def paths(svg: ElementTree.Element, number: int) -> list[tuple[list[list[float]], str]]:
    """(points, style) of the strokes in the colour of a variant."""
    found = []
    for e in svg.iter(f"{SVG}path"):
        style = e.get("style", "")
        if f"stroke: {COLOURS[number]}" in style and "fill: none" in style:
            numbers = [float(n) for n in re.findall(r"-?\d+\.?\d*", e.attrib["d"])]
            found.append(([numbers[i : i + 2] for i in range(0, len(numbers), 2)], style))
    return found


def test_points_stand_by_the_logarithm_of_the_count_and_by_the_accuracy() -> None:
    points = marks(drawn([row("clipit", 240, 0.8), row("clipit", 30, 0.5), row("clipit", 60, 0.6)]), 0)[:3]
    (x30, y50, _), (x60, y60, _), (x240, y80, _) = points
    assert x240 - x60 == pytest.approx(2 * (x60 - x30), abs=0.01)
    assert y60 - y80 == pytest.approx(2 * (y50 - y60), abs=0.01)
    assert x30 < x60 and y60 < y50


def test_a_bar_reaches_over_the_interval() -> None:
    svg = drawn([row("clipit", 30, 0.5), {"variant": "clipit", "n_labels": 60, "value": 0.6, "low": 0.56, "high": 0.7}])
    (_, y50, _), (x60, y60, _) = marks(svg, 0)[:2]
    a_point = (y50 - y60) / 10
    ends = sorted(y for points, _ in paths(svg, 0) if {x for x, _ in points} == {x60} for _, y in points)
    assert ends == pytest.approx([y60 - 10 * a_point, y60 + 4 * a_point], abs=0.01)


def test_nothing_lies_outside_the_picture() -> None:
    svg = drawn(rising())
    _, _, width, height = (float(n) for n in svg.attrib["viewBox"].split())
    everywhere = [point[:2] for n in range(6) for point in marks(svg, n)] + list(texts(svg).values())
    assert all(0 < x < width and 0 < y < height for x, y in everywhere)
    bars = [y for n in range(6) for points, _ in paths(svg, n) for _, y in points]
    assert min(bars) > 0 and max(bars) < texts(svg)["24"][1]


def test_ticks_are_the_counts_that_were_used() -> None:
    counts = {text for text in texts(drawn(rising(counts=(2622, 13108, 262144.4)))) if "," in text and "%" not in text}
    assert counts == {"2,622", "13,108", "262,144"}
    stands = texts(drawn(rising()))
    assert [stands[n][0] for n in ("24", "48", "120", "240")] == sorted(
        stands[n][0] for n in ("24", "48", "120", "240")
    )


def test_ticks_that_would_touch_give_way_to_the_higher_one() -> None:
    written = texts(drawn([*rising(["a"], (30, 60, 61.4)), *rising(["b"], (30, 60.5))]))
    assert {"30", "61"} <= written.keys()
    assert not {"60"} & written.keys()


def test_lines_differ_in_colour_marker_and_style_and_bars_stand_side_by_side() -> None:
    svg = drawn(rising())
    shapes = [{shape for _, _, shape in marks(svg, n)} for n in range(6)]
    assert all(len(one) == 1 for one in shapes)
    assert len(set.union(*shapes)) == 6
    lines = [next(style for points, style in paths(svg, n) if len(points) == len(COUNTS)) for n in range(6)]
    assert len({re.sub(r"#\w+", "", style) for style in lines}) == 6
    firsts = [marks(svg, n)[0][0] for n in range(6)]
    assert all(2 < right - left < 6 for left, right in pairwise(firsts))


def test_names_stand_beside_the_ends_of_their_lines_and_never_touch() -> None:
    svg = drawn(rising())
    heights = [texts(svg)[variant][1] for variant in SIX]
    assert all(lower - upper >= 12 for lower, upper in pairwise(heights))
    for number, height in enumerate(heights):
        *points, beside = marks(svg, number)
        assert abs(beside[1] - height) < 6
        assert beside[0] > max(x for x, _, _ in points)
        assert texts(svg)[SIX[number]][0] > beside[0]


def test_a_name_with_room_stands_at_the_height_of_its_line() -> None:
    svg = drawn([row("low", 30, 0.4), row("low", 60, 0.5), row("high", 30, 0.6), row("high", 60, 0.9)])
    for number in range(2):
        *_, end, beside = marks(svg, number)
        assert beside[1] == pytest.approx(end[1], abs=0.01)


def test_variants_keep_the_order_of_the_rows_whatever_their_counts() -> None:
    svg = drawn([row("first", 60, 0.6), row("second", 30, 0.5), row("first", 120, 0.7), row("second", 60, 0.8)])
    assert [len(marks(svg, n)) for n in range(2)] == [3, 3]
    assert marks(svg, 0)[-1][1] == pytest.approx(texts(svg)["first"][1], abs=6)


def test_a_variant_with_one_count_is_a_point_among_lines() -> None:
    svg = drawn([*rising(["clipit"]), row("retriever_zeroshot", 24, 0.55)])
    assert len(marks(svg, 1)) == 2
    assert "retriever_zeroshot" in texts(svg)


@pytest.mark.parametrize("rows", [[], rising(counts=(60,)), [row("a", 30, 0.5), row("b", 60, 0.6)]])
def test_without_two_counts_of_a_variant_there_is_no_curve(rows: list[dict[str, Any]]) -> None:
    assert label_curve(rows, "invented") is None


def test_the_numbers_are_read_aloud() -> None:
    spoken = drawn([row("clipit", 30, 0.512), row("clipit", 1200.4, 0.6)])
    assert spoken.attrib["role"] == "img"
    assert "balanced accuracy" in spoken.attrib["aria-label"].lower()
    assert "clipit: 51.2% with 30, 60.0% with 1,200." in spoken.attrib["aria-label"]


def test_equal_rows_give_equal_bytes_in_the_ink_of_the_page() -> None:
    svg = str(label_curve(rising(), "invented"))
    assert svg == label_curve(rising(), "invented")
    assert INK not in svg and "currentColor" in svg
    assert str(label_curve(rising(), "another")) != svg


def test_drawings_of_other_names_share_no_id() -> None:
    one, two = (re.findall(r' id="([^"]+)"', str(label_curve(rising(), name))) for name in ("labels a", "labels b"))
    assert one and len({*one, *two}) == len([*one, *two])


def test_names_are_escaped() -> None:
    svg = str(label_curve(rising(['<script>"&']), "invented"))
    assert "<script" not in svg
    assert '<script>"&' in texts(ElementTree.fromstring(svg))
