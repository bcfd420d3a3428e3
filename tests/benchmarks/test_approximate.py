"""The benchmark of approximate search counts what it finds, on little."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import approximate
from clipit.artifacts.tables import embedding_column

TINY = approximate.Scale(images=40, corpora=(300,), d=16, shares=(0.1, 1.0))


def test_all_is_measured() -> None:
    rows = approximate.measure_all(TINY)
    recall = [row.value for row in rows if "recall@1)" in row.metric]
    assert len(recall) == 2 and recall[1] == 1.0  # every list, and the hundred best compared again
    assert all(row.value >= 0 for row in rows) and any(row.unit == "GFLOP/s" for row in rows)


def test_tables_of_embeddings_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(approximate, "CORES", 1)
    monkeypatch.setattr(approximate.os, "sched_setaffinity", lambda *_: None)  # other tests run in this process too
    rng = np.random.default_rng(0)
    for name, n in (("images", 20), ("reports", 260)):
        column = embedding_column(rng.normal(size=(n, 16)).astype(np.float32))
        pq.write_table(pa.table({"embedding": column}), tmp_path / f"{name}.parquet")
    assert approximate.main(["--images", "images.parquet", "--reports", "reports.parquet"]) == 0
    assert (tmp_path / "results" / "bench" / "approximate.json").is_file()
    with pytest.raises(SystemExit):
        approximate.main(["--images", "images.parquet"])


def test_a_corpus_too_small_for_codes_is_searched_exactly() -> None:
    vectors = approximate.synthetic(50, 16, 0)
    assert [row.unit for row in approximate.measure(vectors, vectors, "few", (1.0,))] == ["core-us", "GFLOP/s"]
