import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipit.artifacts import table_writer as module
from clipit.artifacts.provenance import Origin
from clipit.artifacts.table_writer import TableWriter
from clipit.artifacts.tables import read_table, write_table

SCHEMA = pa.schema([pa.field("name", pa.string(), False), pa.field("value", pa.int32(), False)])
PROVENANCE = Origin("test").provenance(lineage={"patches": "x"})


def columns(start: int, stop: int) -> dict[str, object]:
    return {"name": [f"n{i}" for i in range(start, stop)], "value": np.arange(start, stop, dtype=np.int32)}


@pytest.mark.parametrize("step", [1, 3, 7, 40])
def test_rows_come_back_whatever_is_handed_over_at_a_time(tmp_path, monkeypatch, step):
    monkeypatch.setattr(module, "_ROWS", 8)
    with TableWriter(tmp_path / "t.parquet", SCHEMA, PROVENANCE, {"fact": 1}) as writer:
        for start in range(0, 35, step):
            writer.append(columns(start, min(start + step, 35)))
        assert not (tmp_path / "t.parquet").exists()
    stored = read_table(tmp_path / "t.parquet", SCHEMA)
    write_table(tmp_path / "whole.parquet", columns(0, 35), SCHEMA, PROVENANCE, {"fact": 1})
    whole = read_table(tmp_path / "whole.parquet", SCHEMA)
    assert stored.table.equals(whole.table)
    assert (stored.meta, stored.provenance) == (whole.meta, whole.provenance)
    assert [pq.ParquetFile(tmp_path / "t.parquet").metadata.row_group(i).num_rows for i in range(5)] == [8, 8, 8, 8, 3]


def test_an_empty_table_is_one(tmp_path):
    with TableWriter(tmp_path / "t.parquet", SCHEMA, PROVENANCE):
        pass
    assert len(read_table(tmp_path / "t.parquet", SCHEMA).table) == 0


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), TableWriter(tmp_path / "t.parquet", SCHEMA, PROVENANCE) as writer:
        writer.append(columns(0, 5))
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
