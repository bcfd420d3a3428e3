"""A run that stops between two jobs: the next one ends as a clean run does."""

import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image
from tests.faults.killed import digest
from tests.pipeline.conftest import Project, copy_project

pytestmark = pytest.mark.xdist_group("interrupted")

CONFIG = {
    "datasets": {"mini": {"source": "folder", "path": "images", "size": 8}},
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


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The project with class folders of synthetic images."""
    project = copy_project(tmp_path)
    for split, n in (("train", 4), ("val", 1), ("test", 2)):
        for k, label in enumerate(("ADI", "TUM")):
            for i in range(n):
                path = tmp_path / "images" / split / label / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (8, 8), (i, k, 0)).save(path)
    (tmp_path / "mini.yaml").write_text(yaml.safe_dump(CONFIG))
    return project


def store(project: Project) -> dict[str, str]:
    return digest(project.folder / "results" / "patches" / "mini")


def run(project: Project, *arguments: str) -> None:
    done = project.snakemake("results/patches/mini/labels.parquet", *arguments, "--configfile", "mini.yaml")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def test_an_edit_that_was_listed_but_not_tiled_is_tiled_by_the_next_run(project: Project) -> None:
    run(project)
    before = store(project)
    Image.new("RGB", (8, 8), (9, 9, 9)).save(project.folder / "images" / "train" / "TUM" / "3.png")
    run(project, "--until", "index_dataset")
    run(project)
    mended = store(project)
    assert mended["_SUCCESS.json"] != before["_SUCCESS.json"]
    shutil.rmtree(project.folder / "results")
    run(project)
    assert mended == store(project)
