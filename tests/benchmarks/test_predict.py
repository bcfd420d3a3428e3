"""The benchmark of prediction measures what it says, on little."""

from pathlib import Path

import pytest

import predict


def test_predict_is_measured_beside_the_bare_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "in_fresh_process", lambda function, *arguments: function(*arguments))
    scale = predict.Scale("test_resnet", 32, patches=40, files=12, few=4, bare=16, rounds=1, side=1500, seconds=0.01)
    rows = {row.metric: row for row in predict.measure(tmp_path, scale)}
    for what in ("patch store", "JPEG files"):
        row = rows[f"predict, {what}: beside the bare model"]
        assert row.value > 0 and row.baseline and row.target == 0.9
    assert rows["peak memory, slide of 1,500 x 1,500 px"].value > 0
    flops = rows["student beside its plain backbone"]
    assert flops.baseline and flops.value > flops.baseline and flops.target == 1.001
    for batch in (1, 64):
        time = rows[f"student beside its plain backbone, batch {batch}"]
        assert time.ratio and time.target == 1.03
        low, high = (rows[f"{time.metric}, {end} end of the 95% interval"].ratio for end in ("lower", "upper"))
        assert low <= time.ratio <= high
    assert (tmp_path / "maps" / "slide.tif.png").is_file()
