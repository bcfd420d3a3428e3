"""The benchmark of slides measures what it says, on a small slide."""

from pathlib import Path

import pytest

import slides


def test_tiling_is_measured_beside_tiffslide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slides, "in_fresh_process", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(slides, "ROUNDS", 1)
    rows = {row.metric: row for row in slides.measure(tmp_path, side=900)}
    first, second, *_ = rows.values()
    assert first.baseline and second.baseline
    assert [row.target for row in (first, second)].count(slides.TIME_TARGET) == 1
    assert rows["peak memory, tile_dataset"].target == slides.MEMORY_TARGET
    assert rows["rate"].value > 0
