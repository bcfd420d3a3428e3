"""How much room the results will take: of data sets whose size is known, and of others."""

import csv
from pathlib import Path
from typing import Any

import pytest
from tests.doctor.conftest import CATALOG, experiment
from tests.servers import hub_models

from clipit.artifacts.paths import Paths
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import items
from clipit.artifacts.tables import write_table
from clipit.config.load import deep_merge, load_config
from clipit.doctor.counts import image_count

PATHS = Paths("results")


def count(name: str, **keys: Any) -> int | None:
    """The images of the data set `name`, with `keys` over its entry."""
    config = load_config(deep_merge(experiment(), {"datasets": {name: keys}} if keys else {}), CATALOG)
    return image_count(name, config.datasets[name], PATHS)


@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("pcam", 262_144 + 32_768 + 32_768),
        ("crc", 100_000 + 7_180),
        ("crc_nonorm", 107_180),
        ("crc_val_he_7k", 7_180),
        ("bach", 400),
        ("phantom", 24 * 20 + 12 * 10 + 48 * 20),
        ("phantom_source", 120 * 40),
    ],
)
def test_published_data_sets_and_the_phantom_are_counted(project: Path, name: str, n: int) -> None:
    assert count(name) == n


def test_own_images_are_counted_where_each_is_a_patch(project: Path) -> None:
    for name in ("train/a/1.png", "train/b/2.jpg", "test/a/3.tif", "test/a/notes.txt"):
        path = project / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with open(project / "images.csv", "w", newline="") as file:
        csv.writer(file).writerows([["path", "label"], ["a.png", "x"], ["b.png", ""]])
    (project / "captions.csv").write_text("image,caption\na.png,a word\n")
    captioned = {"source": "captioned", "path": "images", "captions": "captions.csv"}
    assert count("mine", source="folder", path="images") == 3
    assert count("mine", source="folder", path="images.csv") == 2
    assert count("mine", **captioned) == 1
    for unknown in (
        {"source": "folder", "path": "images", "grid": {}},
        {"source": "slides", "path": "images"},
        {"source": "folder", "path": "nowhere.csv"},
        {"source": "folder"},
        captioned | {"captions": "nowhere.csv"},
    ):
        assert count("mine", **unknown) is None
    assert count("bach", grid={}) is None


def test_what_has_been_listed_is_known(project: Path) -> None:
    columns: dict[str, Any] = {"index": range(2), "patch_id": ["a", "b"], "source": ["1", "1"]}
    columns |= {"group": [None] * 2, "mpp": [None] * 2} | {name: [0, 0] for name in ("x", "y", "width")}
    write_table(PATHS.items("mine"), columns, items.SCHEMA, Origin("test").provenance())
    assert count("mine", source="slides", path="slides") == 2


def test_patches_vectors_and_students_take_room(doctor, hub, tmp_path) -> None:
    folder = hub_models.uni_repo(tmp_path / "uni")
    hub.add_model("org/uni", folder)
    size = sum((folder / name).stat().st_size for name in ("config.json", "pytorch_model.bin"))
    entries = {"backbones": {"mine": {"kind": "timm", "name": "hf-hub:org/uni"}}}
    found = doctor(dataset="pcam", backbone="mine", seeds=[0, 1, 2], entries=entries)
    patches = 327_680 * 96 * 96 * 3 + 4800 * 64 * 64 * 3  # and those that the retriever is trained on
    vectors = 2 * 327_680 * 4096
    students = 6 * size  # two variants, three seeds
    (room,) = found["results"].room.values()
    assert abs(room - (patches + vectors + students)) < 6 * 100_000, "but for small texts beside the weights"
    assert found["results"].detail.startswith("at most 9.1 GB of patches, 2.7 GB of embeddings and features, ")
    assert "not counted" not in found["results"].detail
    assert "fetched, unpacked and computed" in found["disk of results"].detail


def test_what_is_there_takes_none_and_what_nobody_knows_is_named(doctor, project) -> None:
    (project / "slides").mkdir()
    entries = {"datasets": {"mine": {"source": "slides", "path": "slides"}}}
    found = doctor(dataset="mine", entries=entries)["results"]
    assert found.detail.endswith("; not counted: datasets.mine, students of backbones.phantom_resnet")
    before = doctor()["results"]
    for made in (PATHS.store_success("phantom"), PATHS.features("phantom_resnet", "phantom")):
        Path(made).parent.mkdir(parents=True)
        Path(made).touch()
    room = [sum(results.room.values()) for results in (before, doctor()["results"])]
    assert room[0] - room[1] == 1560 * (64 * 64 * 3 + 4096)
