import pair

TINY = pair.Scale(images=400, many=800, reports=60, d=16, rounds=1)


def test_all_is_measured_and_judged(tmp_path):
    rows = pair.measure_all(tmp_path, TINY)
    assert {row.metric.split(",")[0].split(":")[0] for row in rows} >= {"400 x 60 x 16", *pair.METHODS} - {"sinkhorn"}
    assert [row.unit for row in rows if row.target is not None] == ["images/s", "MB", "s"]
    assert all(row.value >= 0 for row in rows)
    assert (tmp_path / "part" / "pairs.parquet").exists()
