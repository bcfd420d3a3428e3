"""Items come back from their table as they went in."""

from pathlib import Path

import numpy as np

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import items
from clipit.artifacts.tables import Stored, read_table, write_table
from clipit.sources.image_source import Item
from clipit.tiling.listed import stored_items

LISTED = [
    Item(f"p{i}", f"s{i // 2}", None if i % 3 else f"g{i}", i, 2 * i, 8, None if i % 2 else 0.5, "c" if i > 4 else None)
    for i in range(7)
]


def written(folder: Path) -> Stored:
    columns = {"index": np.arange(7)} | {
        name: [getattr(item, name) for item in LISTED] for name in items.SCHEMA.names[1:]
    }
    write_table(folder / "items.parquet", columns, items.SCHEMA, Origin("test").provenance())
    return read_table(folder / "items.parquet", items.SCHEMA)


def test_all_items_or_those_of_a_part(tmp_path: Path) -> None:
    stored = written(tmp_path)
    assert stored_items(stored) == LISTED
    assert stored_items(stored, range(2, 5)) == LISTED[2:5]
    assert stored_items(stored, range(7, 7)) == []
