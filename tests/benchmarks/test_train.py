import torch

import train
from contestants import Task, Tower

TINY = train.Scale(
    task=Task(
        backbone={"name": "test_vit"},
        size=32,
        images=24,
        reports=6,
        batch=4,
        steps=1,
        frozen_text=Tower(1, 16, 2),
        trained_text=Tower(1, 16, 2),
        context=16,
    ),
    rounds=1,
    product=64,
    seen=8,
    single=2,
    epochs=2,
    compiled=False,
    gpu_batches=(),
)


def test_all_is_measured_and_judged(tmp_path, monkeypatch):
    monkeypatch.delenv("CLIPIT_REAL_DATA", raising=False)
    monkeypatch.setattr(train, "in_fresh_process", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(train, "CORES", torch.get_num_threads())
    rows = train.measure_all(tmp_path, TINY)
    assert [row.target for row in rows if row.target is not None] == [2.5, 1.15, 1.6, 50]
    assert all(row.value > 0 and row.baseline != 0 for row in rows)
    assert [row.metric.partition(":")[0] for row in rows if row.unit == "MB"][-1] == "plain loop, fp32"
    assert sum(row.unit == "GFLOP/s" for row in rows) == 1


def test_a_large_backbone_is_measured_beside_plain_loops(tmp_path):
    train.write_patches(tmp_path, TINY.task.images, TINY.task.size)
    rows = train.large_measures(tmp_path, TINY)
    assert [row.unit for row in rows] == ["images/s", "GFLOP/s", "images/s", "GFLOP/s", "epochs/s"]
    assert all(row.value > 0 and row.baseline and row.target is None for row in rows)
