import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.prediction.conftest import CLASSES, save_random_student
from tests.slides_factory import pyramid, tissue_slide, write_slide

from clipit.artifacts.patch_store import PatchStore
from clipit.models.inference import predict_probabilities
from clipit.models.student_file import load_student
from clipit.prediction.model import Model, load_model
from clipit.prediction.predict import predict
from clipit.runtime.errors import UserError


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return load_model(run, device="cpu")


@pytest.fixture(scope="module")
def expected(run: Path, store: Path) -> np.ndarray:
    """What the pipeline says of the stored patches."""
    loaded = load_student(run)
    return predict_probabilities(loaded.student, loaded.transform, PatchStore(store), np.arange(9), batch=4)


def probabilities(table: list[dict]) -> np.ndarray:
    return np.array([[row[f"p_{name}"] for name in CLASSES] for row in table])


def test_files_and_stores_get_the_pipeline_s_own_probabilities(
    model: Model, store: Path, folder: Path, expected: np.ndarray, tmp_path: Path
) -> None:
    assert len(set(expected.argmax(axis=1))) > 1, "the model tells the images apart"
    outcome = predict(model, [folder, store], tmp_path / "out.parquet", threads=2)
    assert (outcome.predicted, outcome.failed) == (18, [])
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    order = [0, 2, 4, 6, 8, 1, 3, 5, 7]
    assert [row["source"] for row in table[:9]] == [str(folder / f"{i % 2}" / f"{i}.png") for i in order]
    assert np.allclose(probabilities(table[:9]), expected[order], atol=1e-6)
    assert np.allclose(probabilities(table[9:]), expected, atol=1e-6)
    assert [row["prediction"] for row in table[9:]] == [CLASSES[i] for i in expected.argmax(axis=1)]


def test_images_that_a_csv_names_give_a_csv(model: Model, folder: Path, expected: np.ndarray, tmp_path: Path) -> None:
    listing = folder / "list.csv"
    listing.write_text("path,note\n1/3.png,a\n0/2.png,b\n")
    predict(model, [listing], tmp_path / "out.csv")
    table = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [Path(row["source"]).name for row in table] == ["2.png", "3.png"]
    assert np.allclose(probabilities(table).astype(float), expected[[2, 3]], atol=1e-6)


def test_what_cannot_be_read_has_a_row_with_the_reason_and_the_rest_goes_on(
    model: Model, folder: Path, tmp_path: Path
) -> None:
    (folder / "0" / "4.png").write_bytes(b"no picture")
    (folder / "1" / "5.png").unlink()
    (folder / "1" / "5.png").symlink_to("nowhere.png")
    outcome = predict(model, [folder], tmp_path / "out.parquet")
    assert outcome.predicted == 7
    assert [Path(what).name for what, _ in outcome.failed] == ["4.png", "5.png"]
    rows = {Path(row["source"]).name: row for row in pq.read_table(tmp_path / "out.parquet").to_pylist()}
    assert rows["4.png"]["prediction"] is None
    assert rows["4.png"]["p_gland"] is None
    assert rows["4.png"]["error"].startswith("not a readable image")
    assert rows["5.png"]["error"] == "file not found"
    assert rows["2.png"]["error"] is None


def test_a_batch_of_nothing_but_damage_is_no_trouble(model: Model, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    outcome = predict(model, [tmp_path / "a.png"], tmp_path / "out.parquet")
    assert outcome.failed == [(str(tmp_path / "a.png"), "the file is empty")]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "none", "none does not exist: name an image"),
        (lambda folder: (folder / "empty").mkdir() or folder / "empty", "empty holds no image and no slide"),
    ],
)
def test_inputs_that_are_none_are_refused(
    model: Model, tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        predict(model, [make(tmp_path)], tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_a_table_of_another_suffix_is_refused(model: Model, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ends in neither"):
        predict(model, [folder], tmp_path / "out.xlsx")


def test_a_slide_is_tiled_where_there_is_tissue_and_mapped(model: Model, tmp_path: Path) -> None:
    slide = write_slide(tmp_path / "slide.svs", pyramid(tissue_slide(1536), (1, 4)), mpp=0.25, kind="svs")
    outcome = predict(model, [slide], tmp_path / "out.parquet", threads=2, maps=tmp_path / "maps")
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert {row["width"] for row in table} == {96}, "48 px of the model's 0.5 microns are 96 of the slide's 0.25"
    assert 40 < len(table) < 16 * 16, "glass is left out"
    assert outcome.mapped == [slide]

    document = json.loads((tmp_path / "maps/slide.svs.geojson").read_text())
    assert len(document["features"]) == len(table)
    for feature, row in zip(document["features"], table, strict=True):
        x, y = feature["geometry"]["coordinates"][0][0]
        assert (x, y) == (row["x"], row["y"])
        assert feature["properties"]["classification"]["name"] == row["prediction"]
        assert feature["properties"]["measurements"]["p tumour"] == pytest.approx(row["p_tumour"], abs=1e-6)
    with Image.open(tmp_path / "maps/slide.svs.png") as picture:
        assert picture.width == 1400
        assert picture.height > 1400, "a legend stands below"


def test_slides_of_one_name_in_two_folders_have_maps_of_their_own(model: Model, tmp_path: Path) -> None:
    for patient in ("a", "b"):
        (tmp_path / "slides" / patient).mkdir(parents=True)
        write_slide(tmp_path / "slides" / patient / "1.svs", pyramid(tissue_slide(768), (1, 4)), mpp=0.5, kind="svs")
    outcome = predict(model, [tmp_path / "slides"], tmp_path / "out.parquet", maps=tmp_path / "maps")
    assert len(outcome.mapped) == 2
    found = {path.relative_to(tmp_path / "maps").as_posix() for path in (tmp_path / "maps").rglob("*.*")}
    assert found == {"a/1.svs.png", "a/1.svs.geojson", "b/1.svs.png", "b/1.svs.geojson"}


def test_the_map_shows_each_tile_s_class(tmp_path: Path) -> None:
    from clipit.prediction.slide_maps import COLOURS, slide_map
    from clipit.sources.slide_survey import Survey

    white = np.full((100, 100, 3), 255, np.uint8)
    surveyed = Survey((1000, 1000), 0.5, white, white[..., 0] > 0, 0.5, [(0, 0, 500), (500, 500, 500)])
    said = np.array([[0.0, 1.0], [0.5, 0.5]])
    picture = np.asarray(slide_map(surveyed, ["a", "b"], said)).astype(int)
    assert np.abs(picture[300, 300] - (0.25 * 255 + 0.75 * np.array(COLOURS[1]))).max() <= 2
    assert picture[1000, 1000].tolist() == [255, 255, 255], "no surer than chance leaves no colour"


def test_a_slide_without_tissue_or_resolution_is_set_aside(model: Model, tmp_path: Path) -> None:
    glass = np.full((600, 600, 3), 243, np.uint8)
    empty = write_slide(tmp_path / "empty.svs", pyramid(glass, (1, 4)), mpp=0.5, kind="svs")
    unknown = write_slide(tmp_path / "unknown.svs", pyramid(tissue_slide(600), (1, 4)), mpp=None, kind="svs")
    outcome = predict(model, [empty, unknown], tmp_path / "out.parquet", maps=tmp_path / "maps")
    assert [why for _, why in outcome.failed] == [
        "no tissue found",
        "does not say its resolution, so tiles of the model's cannot be cut",
    ]
    assert not (tmp_path / "maps").exists()
    asked = save_random_student(tmp_path / "other", patches={"size": 48, "mpp": None})
    assert predict(load_model(asked, device="cpu"), [unknown], tmp_path / "own.parquet").predicted > 0
