"""A data set that is fetched by the rules: from a server, or put in its place by hand."""

import io
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml
from PIL import Image
from tests.miniatures.images import md5
from tests.pipeline.conftest import Project, copy_project
from tests.servers.http import FileServer

from clipit.artifacts.provenance import file_digest
from clipit.artifacts.schemas import items, labels, splits
from clipit.artifacts.tables import read_table

pytestmark = pytest.mark.xdist_group("download")

LABELS = "results/patches/mini/labels.parquet"
HERE = "results/data/mini_zip/MINI.zip"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copy_project(tmp_path)


def zipped() -> bytes:
    """Class folders of synthetic images in a zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for split, n in (("train", 4), ("val", 1), ("test", 2)):
            for label in ("ADI", "TUM"):
                for i in range(n):
                    picture = io.BytesIO()
                    Image.new("RGB", (8, 8), (i, 0, 0)).save(picture, "tiff")
                    archive.writestr(f"MINI/{split}/{label}/{i}.tif", picture.getvalue())
    return packed.getvalue()


@pytest.fixture(scope="module")
def archive() -> bytes:
    return zipped()


def labelled(project: Project, url: str, archive: bytes) -> subprocess.CompletedProcess[str]:
    """Asks for the labels of the data set that `url` holds, with the checksum of `archive`."""
    config = {
        "downloads": {"mini_zip": {"kind": "http", "url": url, "md5": md5(archive)}},
        "datasets": {"mini": {"source": "folder", "size": 8, "download": "mini_zip", "path": "MINI"}},
        "experiments": {
            "mini": {
                "dataset": "mini",
                "corpus": "phantom_reports",
                "retriever": "phantom_clip",
                "backbone": "phantom_resnet",
                "variants": ["colour"],
            }
        },
    }
    (project.folder / "mini.yaml").write_text(yaml.safe_dump(config))
    return project.snakemake(LABELS, "--configfile", "mini.yaml")


def test_an_archive_becomes_a_labelled_data_set(project: Project, file_server: FileServer, archive: bytes) -> None:
    file_server.files["/MINI.zip"] = archive
    done = labelled(project, file_server.url("/MINI.zip"), archive)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    stored = read_table(project.folder / LABELS, labels.SCHEMA)
    assert stored.meta["classes"] == ["ADI", "TUM"]
    assert stored.column("label").count(1) == 7
    split = read_table((project.folder / LABELS).with_name("splits.parquet"), splits.SCHEMA).column("split")
    assert {name: split.count(name) for name in set(split)} == {"train": 8, "val": 2, "test": 4}
    listed = read_table((project.folder / LABELS).with_name("items.parquet"), items.SCHEMA)
    marker = project.folder / "results/data/mini_zip/_COMPLETE.json"
    assert listed.provenance["inputs"] == {"mini_zip": file_digest(marker)}
    assert project.would_run(LABELS, configfile="mini.yaml") == {}


def test_a_file_put_in_its_place_needs_no_network(project: Project, archive: bytes) -> None:
    (project.folder / HERE).parent.mkdir(parents=True)
    (project.folder / HERE).write_bytes(archive)
    done = labelled(project, "http://127.0.0.1:1/MINI.zip", archive)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert len(read_table(project.folder / LABELS, labels.SCHEMA).table) == 14


def test_another_file_in_its_place_is_refused_and_kept(project: Project, archive: bytes) -> None:
    (project.folder / HERE).parent.mkdir(parents=True)
    (project.folder / HERE).write_bytes(archive[:-1])
    done = labelled(project, "http://127.0.0.1:1/MINI.zip", archive)
    assert done.returncode != 0
    assert "clipit: " in done.stdout + done.stderr
    assert "md5" in done.stdout + done.stderr
    assert (project.folder / HERE).read_bytes() == archive[:-1]
    assert not (project.folder / LABELS).exists()
