from pathlib import Path

import numpy as np
import pytest
from tests.stores import write_store

from clipit.artifacts import patch_layout
from clipit.artifacts.patch_check import verify
from clipit.artifacts.patch_layout import patch_digest
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import patches
from clipit.artifacts.tables import write_table
from clipit.runtime.errors import UserError

SIZE = 8
PATCHES = np.random.default_rng(0).integers(0, 256, (23, SIZE, SIZE, 3), dtype=np.uint8)
LISTED = [row for row in range(23) if row != 4]  # row 4 was rejected


@pytest.fixture
def dataset(tmp_path, monkeypatch) -> tuple[Path, Path]:
    """A store of five shards and the table of its patches."""
    monkeypatch.setattr(patch_layout, "SHARD_BYTES", 5 * SIZE * SIZE * 3)
    columns = {
        "index": LISTED,
        "patch_id": [f"p{row}" for row in LISTED],
        "source": ["s"] * 22,
        "group": [None] * 22,
        **{name: [0] * 22 for name in ("x", "y", "width")},
        "mpp": [None] * 22,
        "sha256": [patch_digest(PATCHES[row]) for row in LISTED],
    }
    table = tmp_path / "patches.parquet"
    write_table(table, columns, patches.SCHEMA, Origin("test").provenance())
    return write_store(tmp_path / "patches.zarr", PATCHES), table


def test_an_unchanged_store_has_no_changed_patch(dataset, capsys):
    assert verify(*dataset) == []
    assert "22/22 patches" in capsys.readouterr().err


def test_changed_pixels_are_found(dataset):
    store, table = dataset
    for shard, patch in ((0, 4), (1, 2), (4, 2)):  # rows 4 (not listed), 7 and 22
        with open(store / "image/c" / str(shard) / "0/0/0", "r+b") as file:
            file.seek((patch * SIZE * SIZE + 11) * 3)
            old = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([old ^ 1]))
    assert verify(store, table) == ["p7", "p22"]


def test_an_unfinished_store_is_said(dataset):
    (dataset[0].parent / "_SUCCESS.json").unlink()
    with pytest.raises(UserError, match="is not finished"):
        verify(*dataset)
