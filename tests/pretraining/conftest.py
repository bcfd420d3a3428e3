from pathlib import Path

import numpy as np
import pytest
from tests.stores import write_store

from clipit.artifacts.patch_layout import patch_digest
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import captions, patches, splits
from clipit.artifacts.tables import write_table

SIZE = 32
COLOURS = {"red": (200, 60, 60), "green": (60, 190, 60), "blue": (70, 70, 210), "grey": (128, 128, 128)}


@pytest.fixture
def origin() -> Origin:
    return Origin("test", {"a": 1}, seed=0)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder with a store of 80 noisy patches of four colours from 20 patients, their splits and captions."""
    rng = np.random.default_rng(0)
    names = [list(COLOURS)[i % 4] for i in range(80)]
    images = np.stack([rng.normal(COLOURS[name], 12, (SIZE, SIZE, 3)).clip(0, 255) for name in names]).astype(np.uint8)
    write_store(tmp_path / "patches.zarr", images)
    ids = [f"patch{i:02d}" for i in range(80)]
    provenance = Origin("test").provenance(lineage={"patches": "abc"})
    columns = {
        "index": range(80),
        "patch_id": ids,
        "source": ["test"] * 80,
        "group": [f"patient{i // 4}" for i in range(80)],
        **{name: [0] * 80 for name in ("x", "y", "width")},
        "mpp": [1.0] * 80,
        "sha256": [patch_digest(image) for image in images],
    }
    write_table(tmp_path / "patches.parquet", columns, patches.SCHEMA, provenance)
    split = ["test" if i >= 72 else "train" for i in range(80)]
    write_table(tmp_path / "splits.parquet", {"patch_id": ids, "split": split}, splits.SCHEMA, provenance)
    told = [f"a {name} patch" + ", seen at length" * (i % 3) for i, name in enumerate(names)]
    write_table(tmp_path / "captions.parquet", {"patch_id": ids, "caption": told}, captions.SCHEMA, provenance)
    return tmp_path
