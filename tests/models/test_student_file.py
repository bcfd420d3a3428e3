import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.stores import write_store

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.encoders.backbone import load_backbone
from clipit.models.heads import LateFusion
from clipit.models.inference import predict_features, predict_probabilities
from clipit.models.student import Student
from clipit.models.student_file import load_student, save_student
from clipit.runtime.errors import UserError

CLASSES = ("a", "b", "c")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "patches.zarr"
    images = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    return write_store(path, images)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Student]:
    folder = tmp_path_factory.mktemp("student")
    backbone = load_backbone("test_resnet", image_size=32, pretrained=False)
    torch.manual_seed(0)
    head = LateFusion(backbone.d, n_classes=3, d_txt=6, hidden=5)
    torch.nn.init.normal_(head.g.weight)
    student = Student(backbone.module, head)
    save_student(
        folder,
        student,
        classes=CLASSES,
        transform=backbone.transform,
        backbone_spec=backbone.spec,
        provenance=Origin("student").provenance(lineage={"backbone": backbone.digest}),
        facts={"diagnostics": {"skill": 0.5}},
    )
    return folder, student


def test_round_trip(exported: tuple[Path, Student], store: Path) -> None:
    folder, student = exported
    loaded = load_student(folder)
    assert loaded.classes == CLASSES
    assert loaded.description["diagnostics"] == {"skill": 0.5}
    assert not loaded.student.training
    rows, patches = [5, 0, 3], PatchStore(store)
    before = predict_probabilities(student, loaded.transform, patches, rows, batch=2)
    after = predict_probabilities(loaded.student, loaded.transform, patches, rows, batch=3)
    assert after.shape == (3, 3)
    assert after.dtype == np.float32
    assert np.allclose(after.sum(axis=1), 1, atol=1e-6)
    assert np.allclose(before, after, atol=1e-5)
    bf16 = predict_probabilities(loaded.student, loaded.transform, patches, rows, batch=3, precision="bf16")
    assert 0 < np.abs(bf16 - after).max() < 0.05
    assert predict_features(loaded.student.backbone, loaded.transform, patches, rows, batch=2).shape == (3, 96)


def test_prediction_needs_no_text_side(exported: tuple[Path, Student], store: Path) -> None:
    """In a process of its own: neither a text library is imported nor is there a parameter of a text encoder."""
    script = """
import json, sys
from clipit.artifacts.patch_store import PatchStore
from clipit.models.heads import LateFusion
from clipit.models.inference import predict_probabilities
from clipit.models.student_file import load_student
folder, store = sys.argv[1:]
student, classes, transform, _ = load_student(folder)
probabilities = predict_probabilities(student, transform, PatchStore(store), range(7), batch=4)
print(json.dumps({
    "modules": sorted({name.split(".")[0] for name in sys.modules}),
    "parameters": [name for name, _ in student.named_parameters()],
    "shape": probabilities.shape,
}))
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(exported[0]), str(store)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"},
    )
    found = json.loads(run.stdout)
    assert found["shape"] == [7, 3]
    assert not {"transformers", "open_clip", "peft", "tokenizers", "pytorch_lightning"} & set(found["modules"])
    parts = {name.split(".")[1] for name in found["parameters"] if name.startswith("head.")}
    assert parts == {"h_v", "h_d", "h_t", "g"}
    assert not [name for name in found["parameters"] if "lora" in name or "embed_tokens" in name]
    assert {name for name in found["parameters"] if name.startswith(("head.h_d", "head.h_t"))} == {
        "head.h_d.weight", "head.h_d.bias",
        "head.h_t.layers.0.weight", "head.h_t.layers.0.bias", "head.h_t.layers.2.weight", "head.h_t.layers.2.bias",
    }  # fmt: skip


def test_weights_of_another_student_are_refused(exported: tuple[Path, Student], tmp_path: Path) -> None:
    for path in exported[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    description = json.loads((tmp_path / "student.json").read_text())
    (tmp_path / "student.json").write_text(json.dumps(description | {"weights_sha256": "0" * 64}))
    with pytest.raises(UserError, match="describes"):
        load_student(tmp_path)
    (tmp_path / "student.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a readable safetensors"):
        load_student(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        load_student(tmp_path / "nowhere")
