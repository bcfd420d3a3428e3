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


LABELS = "results/patches/mini/labels.parquet"


@pytest.fixture(scope="module")
def tiled(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with class folders of synthetic images, which are tiled."""
    tmp_path = tmp_path_factory.mktemp("tiled")
    project = copy_project(tmp_path)
    for split, n in (("train", 4), ("val", 1), ("test", 2)):
        for k, label in enumerate(("ADI", "TUM")):
            for i in range(n):
                path = tmp_path / "images" / split / label / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (8, 8), (i, k, 0)).save(path)
    (tmp_path / "mini.yaml").write_text(yaml.safe_dump(CONFIG))
    run(project)
    return project


@pytest.fixture
def project(tiled: Project, tmp_path: Path) -> Project:
    """A copy of it."""
    return tiled.copied_to(tmp_path / "project")


def store(project: Project) -> dict[str, str]:
    return digest(project.folder / "results" / "patches" / "mini")


def run(project: Project, *arguments: str) -> None:
    done = project.snakemake(LABELS, *arguments, "--configfile", "mini.yaml")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def test_an_image_added_edited_or_removed_in_a_folder_tiles_it_anew(project: Project) -> None:
    images = project.folder / "images" / "train" / "TUM"
    tiling = dict.fromkeys(("index_dataset", "tile_dataset", "seal_dataset", "split_dataset", "label_dataset"), 1)
    assert project.would_run(LABELS, configfile="mini.yaml") == {}
    Image.new("RGB", (8, 8), (9, 9, 9)).save(images / "4.png")
    assert project.would_run(LABELS, configfile="mini.yaml") == tiling
    (images / "4.png").unlink()
    assert project.would_run(LABELS, configfile="mini.yaml") == {}
    Image.new("RGB", (8, 8), (9, 9, 9)).save(images / "3.png")
    assert project.would_run(LABELS, configfile="mini.yaml") == tiling
    (images / "3.png").unlink()
    assert project.would_run(LABELS, configfile="mini.yaml") == tiling


def test_an_edit_that_was_listed_but_not_tiled_is_tiled_by_the_next_run(project: Project) -> None:
    before = store(project)
    Image.new("RGB", (8, 8), (9, 9, 9)).save(project.folder / "images" / "train" / "TUM" / "3.png")
    run(project, "--until", "index_dataset")
    run(project)
    mended = store(project)
    assert mended["_SUCCESS.json"] != before["_SUCCESS.json"]
    shutil.rmtree(project.folder / "results")
    run(project)
    assert mended == store(project)
