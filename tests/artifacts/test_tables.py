import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clipit.artifacts import tables
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import image_embeddings, labels, predictions
from clipit.runtime.errors import UserError

ORIGIN = Origin("label_dataset", {"rule": "csv"}, code="abc")
LABELS = {"patch_id": ["a", "b"], "label": [1, None]}


@pytest.fixture
def written(tmp_path):
    """Writes a small label table whose lineage is the given patch set."""

    def write(name: str = "labels.parquet", patches: str = "p"):
        path = tmp_path / name
        provenance = ORIGIN.provenance(lineage={"patches": patches})
        tables.write_table(path, LABELS, labels.SCHEMA, provenance, meta={"classes": ["normal", "tumour"]})
        return path

    return write


def test_a_table_comes_back_with_facts_and_provenance(written):
    stored = tables.read_table(written(), labels.SCHEMA)
    assert stored.column("patch_id") == ["a", "b"]
    assert stored.column("label") == [1, None]
    assert stored.meta == {"classes": ["normal", "tumour"]}
    assert stored.provenance["stage"] == "label_dataset"
    assert stored.lineage == {"patches": "p"}


def test_equal_work_gives_equal_bytes(written):
    assert written("one.parquet").read_bytes() == written("two.parquet").read_bytes()


def test_an_arrow_table_is_cut_to_the_schema_and_cast(tmp_path):
    table = pa.table({"extra": [0, 0], "label": pa.array([1, 0], pa.int64()), "patch_id": ["a", "b"]})
    tables.write_table(tmp_path / "t.parquet", table, labels.SCHEMA, ORIGIN.provenance())
    assert tables.read_table(tmp_path / "t.parquet", labels.SCHEMA).table.schema.names == ["patch_id", "label"]


def test_a_missing_column_or_value_is_not_written(tmp_path):
    with pytest.raises(KeyError):
        tables.write_table(tmp_path / "t.parquet", pa.table({"label": [1]}), labels.SCHEMA, ORIGIN.provenance())
    with pytest.raises(ValueError):
        rows = pa.table({"patch_id": pa.array([None], pa.string()), "label": [1]})
        tables.write_table(tmp_path / "t.parquet", rows, labels.SCHEMA, ORIGIN.provenance())
    assert list(tmp_path.iterdir()) == []


def test_an_optional_column_that_nobody_wrote_is_null(tmp_path):
    columns = {"patch_id": ["a"], "split": ["test"], "label": [0], "group": [None], "source": ["s"], "prob": [[1.0]]}
    tables.write_table(tmp_path / "t.parquet", columns, predictions.SCHEMA, ORIGIN.provenance())
    assert tables.read_table(tmp_path / "t.parquet", predictions.SCHEMA).column("centre") == [None]
    earlier = pq.read_table(tmp_path / "t.parquet").drop_columns(["centre"])
    pq.write_table(earlier, tmp_path / "t.parquet")
    assert tables.read_table(tmp_path / "t.parquet", predictions.SCHEMA).column("centre") == [None]


def test_a_foreign_file_is_refused(tmp_path):
    pq.write_table(pa.table({"patch_id": ["a"], "label": pa.array([1], pa.int16())}), tmp_path / "foreign.parquet")
    with pytest.raises(UserError, match=r"foreign\.parquet was not written by clipit"):
        tables.read_table(tmp_path / "foreign.parquet", labels.SCHEMA)


def test_another_column_or_type_is_refused(written):
    path = written()
    more = labels.SCHEMA.append(pa.field("weight", pa.float32()))
    with pytest.raises(UserError, match="has no column 'weight'"):
        tables.read_table(path, more)
    other = labels.SCHEMA.set(1, pa.field("label", pa.int64()))
    with pytest.raises(UserError, match="column 'label' is int16, not int64"):
        tables.read_table(path, other)


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b"text", lambda b: b[:-9], lambda b: b[:50]])
def test_a_damaged_file_is_one_line(written, damage):
    path = written()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="is not a readable Parquet file"):
        tables.read_table(path, labels.SCHEMA)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.parquet does not exist: run snakemake"):
        tables.read_table(tmp_path / "nowhere.parquet", labels.SCHEMA)
    with pytest.raises(UserError, match=r"nowhere\.json does not exist: run snakemake"):
        tables.read_json(tmp_path / "nowhere.json")


def test_tables_of_two_patch_sets_do_not_agree(written):
    one, same, other = (
        tables.read_table(written(name, patches), labels.SCHEMA)
        for name, patches in [("one.parquet", "p"), ("same.parquet", "p"), ("other.parquet", "q")]
    )
    assert tables.agree(one, same) == {"patches": "p"}
    with pytest.raises(UserError, match=r"other\.parquet and .*one\.parquet were made from different patches"):
        tables.agree(one, same, other)


@pytest.mark.parametrize("rows", [3, 0])
def test_embeddings_of_any_width_come_back_even_none(tmp_path, rows):
    matrix = np.arange(rows * 4, dtype=np.float32).reshape(rows, 4)
    columns = {"patch_id": [str(i) for i in range(rows)], "embedding": tables.embedding_column(matrix)}
    tables.write_table(tmp_path / "e.parquet", columns, image_embeddings.schema(4), ORIGIN.provenance())
    stored = tables.read_table(tmp_path / "e.parquet", image_embeddings.schema())
    found = tables.embedding_matrix(stored)
    assert found.dtype == np.float32
    assert found.shape == (rows, 4)
    np.testing.assert_array_equal(found, matrix)


def test_a_document_comes_back_and_a_foreign_one_does_not(tmp_path):
    tables.write_json(tmp_path / "audit.json", {"coverage": 0.5}, ORIGIN.provenance())
    assert tables.read_json(tmp_path / "audit.json")["coverage"] == 0.5
    (tmp_path / "foreign.json").write_text("{}")
    with pytest.raises(UserError, match="no provenance"):
        tables.read_json(tmp_path / "foreign.json")
    (tmp_path / "broken.json").write_text('{"a": ')
    with pytest.raises(UserError, match="is not JSON"):
        tables.read_json(tmp_path / "broken.json")


def test_a_number_that_json_lacks_is_not_written(tmp_path):
    with pytest.raises(ValueError):
        tables.write_json(tmp_path / "audit.json", {"coverage": float("nan")}, ORIGIN.provenance())
    assert list(tmp_path.iterdir()) == []
