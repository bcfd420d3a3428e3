import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from tests.prediction.conftest import CLASSES, save_random_student

import clipit.models.timm_student  # noqa: F401  timm learns its architecture
from clipit.evaluation.evaluate import evaluate
from clipit.models.student_file import load_student
from clipit.prediction import export as module
from clipit.prediction.export import FORMATS, export_student
from clipit.prediction.model import load_model
from clipit.runtime.errors import UserError

SOURCES = [
    {"role": "images and labels", "name": "bach", "licence": "CC BY-NC-ND", "restriction": "no derivatives",
     "citation": "Aresta 2019", "synthetic": False},
    {"role": "reports", "name": "phantom_reports", "licence": None, "restriction": None, "citation": None,
     "synthetic": True},
]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_gives_the_student_s_probabilities(
    form: str, run: Path, images: np.ndarray, store: Path, tmp_path: Path
) -> None:
    found = export_student(run, form, tmp_path, store=store)
    assert found.difference < 1e-5
    assert found.checked_on == "16 random and 9 stored patches"
    assert all(file.exists() for file in found.files)
    loaded = load_model(tmp_path, device="cpu")
    assert (loaded.classes, loaded.patch_size, loaded.patch_mpp) == (CLASSES, 48, 0.5)
    expected = load_model(run, device="cpu").probabilities(images)
    for n in (9, 1):
        assert np.allclose(loaded.probabilities(images[:n]), expected[:n], atol=1e-5)


def test_a_hub_folder_is_loaded_by_timm(run: Path, images: np.ndarray, tmp_path: Path) -> None:
    export_student(run, "hub-folder", tmp_path)
    student = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    transform = load_student(run).transform
    with torch.no_grad():
        said = student(transform(torch.from_numpy(images))).softmax(dim=-1).numpy()
    assert np.allclose(said, load_model(run, device="cpu").probabilities(images), atol=1e-5)
    config = timm.data.resolve_model_data_config(student)
    assert (tuple(config["input_size"]), tuple(config["mean"])) == ((3, 32, 32), transform.mean)


def test_the_card_says_what_the_model_is_and_how_good(run: Path, tmp_path: Path, predictions: Path) -> None:
    from clipit.artifacts.provenance import Origin

    evaluate(predictions, tmp_path / "metrics.json", variant="clipit", resamples=50, origin=Origin("evaluate", seed=3))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    export_student(run, "onnx", tmp_path / "out", metrics=metrics, sources=SOURCES)
    card = (tmp_path / "out/README.md").read_text()
    assert "Classes: gland, tumour, stroma." in card
    accuracy = metrics["splits"]["test"]["metrics"]["accuracy"]
    assert f"| accuracy | {100 * accuracy['value']:.1f} [{100 * accuracy['low']:.1f}, " in card
    assert "| images and labels | bach | CC BY-NC-ND: no derivatives | Aresta 2019 |" in card
    assert "| reports | phantom_reports | synthetic, computed here |  |" in card
    assert "Not a medical device" in card
    assert "trained on 48 px at 0.5 microns per pixel" in card
    assert "Seed 3" in card


def test_a_card_without_an_evaluation_says_so(run: Path, tmp_path: Path) -> None:
    export_student(run, "safetensors", tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "It has not been evaluated." in card
    assert "licences are not known" in card
    assert "SYNTHETIC" not in card
    export_student(run, "safetensors", tmp_path, synthetic=True)
    assert "> **SYNTHETIC data: images and reports are computed" in (tmp_path / "README.md").read_text()


def test_what_says_something_else_is_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = save_random_student(tmp_path / "other", size=40)
    monkeypatch.setitem(module.FORMATS, "onnx", lambda loaded, out: [other])
    with pytest.raises(UserError, match="differs from the student by"):
        export_student(run, "onnx", tmp_path / "out")


def test_a_folder_without_a_student_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        export_student(tmp_path, "onnx", tmp_path / "out")


def test_strange_files_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no model of clipit's"):
        load_model(tmp_path)
    for name in ("model.onnx", "model.pt"):
        (tmp_path / name).write_bytes(b"nonsense")
        with pytest.raises(UserError, match="is not a readable"):
            load_model(tmp_path / name)
        (tmp_path / name).unlink()
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "plain.pt"))
    with pytest.raises(UserError, match="does not say its classes"):
        load_model(tmp_path / "plain.pt")


def test_tampered_weights_are_refused(run: Path, tmp_path: Path) -> None:
    export_student(run, "hub-folder", tmp_path / "a")
    export_student(save_random_student(tmp_path / "other", size=40), "hub-folder", tmp_path / "b")
    shutil.copy(tmp_path / "b/student.json", tmp_path / "a/student.json")
    with pytest.raises(UserError, match="is not the file that"):
        load_model(tmp_path / "a")
