"""The benchmark of scale measures every stage, on little."""

from pathlib import Path

import pytest

import scale

CLIP = {
    "vision": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
    "text": {"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
}
TINY = scale.Scale(
    images=8,
    through_a_network=4,
    through_a_tiny_one=6,
    rows=30,
    paired=20,
    trained=16,
    size=32,
    reports=30,
    d=16,
    clip=CLIP,
    backbone="test_vit",
)


def test_every_stage_is_measured_and_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "in_fresh_process", lambda function, *arguments: function(*arguments))
    rows = scale.measure_all(tmp_path, TINY)
    names = set(scale.stages(TINY))
    assert {row.metric.partition(":")[0] for row in rows} == names
    judged = [row for row in rows if row.target is not None]
    assert len(judged) == len(names) and all(row.value > 0 and row.baseline for row in judged)
    written = {row.metric.partition(":")[0]: row.value for row in rows if row.metric.endswith("written a patch")}
    assert written["tile (JPEG, 32 px)"] > 32 * 32 * 3
    assert not any(name.startswith("train a student") for name in written)


def test_a_stage_can_be_measured_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "in_fresh_process", lambda function, *arguments: function(*arguments))
    rows = scale.measure_all(tmp_path, TINY, ["evaluate"])
    assert {row.metric.partition(":")[0] for row in rows} == {"evaluate"}


def test_what_grows_faster_than_the_work_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = iter([scale.Cost(1.0, 100.0, 10), scale.Cost(16.0, 130.0, 40)])
    ran = {scale.cost_of: lambda: next(costs)}
    monkeypatch.setattr(scale, "in_fresh_process", lambda function, *_: ran.get(function, lambda: None)())
    rows = scale.measured("squares", scale.Stage(10, lambda *_: None, lambda *_: None), TINY, tmp_path)
    by_name = {row.metric: row for row in rows}
    assert by_name["squares: core-seconds a patch, 40 beside 10"].met is False
    assert by_name["squares: core-seconds a patch, without the start-up"].value == pytest.approx(0.5)
    assert by_name["squares: memory a further patch"].value == pytest.approx(1e6)
    assert by_name["squares: written a patch"].value == 1
