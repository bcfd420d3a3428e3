"""A data set that is fetched: served from here, downloaded, unpacked and tiled by the rules."""

import io
import zipfile

import pytest
import yaml
from PIL import Image
from tests.pipeline.conftest import Project
from tests.servers.http import FileServer

from clipit.artifacts.schemas import labels, splits
from clipit.artifacts.tables import read_table

pytestmark = pytest.mark.xdist_group("chain")


@pytest.fixture
def server(file_server: FileServer) -> str:
    """A web server on this machine that holds two archives of class folders, as NCT-CRC comes."""
    for stem, n in (("NCT-MINI", 5), ("VAL-MINI", 2)):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for label in ("ADI", "TUM"):
                for i in range(n):
                    picture = io.BytesIO()
                    Image.new("RGB", (8, 8), (i, 0, 0)).save(picture, "tiff")
                    archive.writestr(f"{stem}/{label}/{i}.tif", picture.getvalue())
        file_server.files[f"/{stem}.zip"] = packed.getvalue()
    return file_server.url("")


def test_archives_become_a_labelled_data_set(chain: Project, server: str) -> None:
    config = yaml.safe_load((chain.folder / "tiny.yaml").read_text())
    config["results"] = "fetched"
    config["datasets"]["mini"] = {
        "source": "folder",
        "size": 8,
        "splits": {"train": "NCT-MINI", "test": "VAL-MINI"},
        "download": {f"{stem}.zip": {"url": f"{server}/{stem}.zip"} for stem in ("NCT-MINI", "VAL-MINI")},
    }
    (chain.folder / "fetched.yaml").write_text(yaml.safe_dump(config))
    done = chain.snakemake("fetched/patches/mini/labels.parquet", "--configfile", "fetched.yaml")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    folder = chain.folder / "fetched" / "patches" / "mini"
    stored = read_table(folder / "labels.parquet", labels.SCHEMA)
    assert stored.meta["classes"] == ["ADI", "TUM"]
    assert stored.column("label").count(1) == 7
    split = read_table(folder / "splits.parquet", splits.SCHEMA).column("split")
    assert {name: split.count(name) for name in set(split)} == {"train": 8, "val": 2, "test": 4}
