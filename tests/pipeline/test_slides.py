"""A data set of whole slides by the rules: its files, and what an edit of a slide, a region or the list reruns."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from tests.pipeline.conftest import Project, copy_project
from tests.slides_factory import tissue, write_regions, write_slide

from clipit.artifacts.schemas import labels, slides
from clipit.artifacts.tables import read_table

pytestmark = pytest.mark.xdist_group("slides")

SIDE, TILE = 256, 64
SPLITS = {"a": "train", "b": "val", "c": "test"}
LIST = "data/slides/slides.csv"
LATER = {"label_dataset": 1, "train_probe": 1, "evaluate": 1, "compare": 1, "report": 1, "all": 1}
"""What follows from labels."""
CONFIG = {
    "datasets": {"ward": {"source": "slides", "path": LIST, "annotations": "data/regions", "size": TILE}},
    "corpora": {"notes": {"source": "text", "path": "data/reports.txt"}},
    "experiments": {
        "ward": {
            "dataset": "ward",
            "corpus": "notes",
            "retriever": "phantom_clip",
            "backbone": "phantom_resnet",
            "variants": ["colour"],
            "seeds": [0],
        }
    },
}


def rectangle(left: int, right: int) -> list[list[int]]:
    """The outline of all of a slide between two columns of pixels."""
    return [[left, 0], [right, 0], [right, SIDE], [left, SIDE], [left, 0]]


def draw(project: Project, name: str, border: int) -> None:
    """Tumour left of `border`, stroma right of it."""
    file = project.folder / f"data/regions/{name}.geojson"
    write_regions(file, {"tumour": rectangle(0, border), "stroma": rectangle(border, SIDE)})


def write_list(project: Project, rows: Sequence[str]) -> None:
    (project.folder / LIST).write_text("\n".join(["path,split,group", *rows]) + "\n")


@pytest.fixture(scope="module")
def tiled(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with three slides, of which everything has been made."""
    project = copy_project(tmp_path_factory.mktemp("slides"))
    (project.folder / "data").mkdir()
    (project.folder / "data/reports.txt").write_text("A synthetic report.\n")
    for seed, name in enumerate(SPLITS):
        write_slide(project.folder / f"data/slides/{name}.tif", [tissue(SIDE, seed)])
        draw(project, name, SIDE // 2)
    write_list(project, [f"{name}.tif,{split},patient_{name}" for name, split in SPLITS.items()])
    (project.folder / "slides.yaml").write_text(yaml.safe_dump(CONFIG))
    project.run("--configfile", "slides.yaml")
    return project


@pytest.fixture
def edited(tiled: Project, tmp_path: Path) -> Project:
    """The project for one test to edit."""
    return tiled.copied_to(tmp_path / "project")


def test_slides_become_labelled_tiles_and_pictures(tiled: Project) -> None:
    stored = read_table(tiled.folder / "results/patches/ward/labels.parquet", labels.SCHEMA)
    assert stored.meta["classes"] == ["stroma", "tumour"]
    assert [stored.column("label").count(i) for i in range(2)] == [3 * 8, 3 * 8]
    drawn = read_table(tiled.folder / "results/patches/ward/slides.parquet", slides.SCHEMA)
    assert drawn.column("slide") == ["a.tif", "b.tif", "c.tif"]
    assert drawn.column("tiles") == [16, 16, 16]
    assert all(picture.startswith(b"\xff\xd8") for picture in drawn.column("thumbnail"))
    assert "a.tif" in (tiled.folder / "results/report/index.html").read_text()


def test_a_second_run_has_nothing_to_do(tiled: Project) -> None:
    assert tiled.would_run(configfile="slides.yaml") == {}


def test_an_edited_region_reruns_labels_and_what_follows_but_no_tiling(edited: Project) -> None:
    draw(edited, "a", SIDE // 4)
    assert edited.would_run(configfile="slides.yaml") == LATER


def test_another_split_tiles_nothing_again(edited: Project) -> None:
    write_list(edited, ["a.tif,train,patient_a", "b.tif,test,patient_b", "c.tif,val,patient_c"])
    assert edited.would_run(configfile="slides.yaml") == {"split_dataset": 1, **LATER}


@pytest.mark.parametrize("what", ["a slide", "the list"])
def test_an_edited_slide_or_a_longer_list_reruns_tiling_and_all_that_follows(edited: Project, what: str) -> None:
    name = "a.tif" if what == "a slide" else "d.tif"
    write_slide(edited.folder / "data/slides" / name, [tissue(SIDE, 3)])
    if what == "the list":
        with open(edited.folder / LIST, "a") as file:
            file.write("d.tif,train,patient_d\n")
    again = ("index_dataset", "tile_dataset", "seal_dataset", "split_dataset", "draw_slides", "extract_features")
    assert edited.would_run(configfile="slides.yaml") == dict.fromkeys(again, 1) | LATER
