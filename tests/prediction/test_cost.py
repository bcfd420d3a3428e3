"""What a student costs, counted by hand where that can be done."""

import json
from pathlib import Path

import pytest
import torch
from tests.prediction.conftest import CLASSES
from torch import nn

from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import read_json
from clipit.encoders.aligned import AlignedClip, save_aligned
from clipit.encoders.backbone import load_backbone
from clipit.encoders.text_tower import words_text_tower
from clipit.models.student_file import load_student
from clipit.prediction import in_turns as turns
from clipit.prediction.cost import BATCHES, clip_models, contestants, measure_cost
from clipit.prediction.in_turns import FEWEST, flops, in_turns
from clipit.runtime.errors import UserError


@pytest.fixture(scope="module")
def clip() -> AlignedClip:
    image = load_backbone("resnet10t", pretrained=False, image_size=32, model_args={"channels": [8, 8, 16, 24]})
    text = words_text_tower(["a gland", "a tumour"], layers=1, width=16, heads=2, context_length=8, seed=0)
    return AlignedClip(image, text, d=8).eval()


def test_a_multiply_add_is_two_operations() -> None:
    assert flops(lambda: nn.Linear(7, 5)(torch.zeros(3, 7))) == 2 * 3 * 7 * 5
    assert flops(lambda: nn.Conv2d(3, 4, 3)(torch.zeros(1, 3, 8, 8))) == 2 * 3 * 4 * 9 * 36


def test_attention_is_counted_however_it_is_computed() -> None:
    q = torch.zeros(1, 2, 10, 4)
    of_products = 2 * (2 * 10 * 10 * 4) * 2  # scores and sums, two heads
    assert flops(lambda: nn.functional.scaled_dot_product_attention(q, q, q)) == of_products
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    counted = flops(lambda: layer(torch.zeros(1, 10, 8)))
    assert counted == of_products + 2 * 10 * (4 * 8 * 8 + 2 * 8 * 16)
    assert torch.backends.mha.get_fastpath_enabled()


def test_all_take_turns_and_each_is_first_and_last(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    clock = iter(range(1000))
    monkeypatch.setattr(turns.time, "perf_counter", lambda: next(clock))  # every pass takes a second
    works = {name: (lambda name=name: called.append(name)) for name in "abc"}
    found = in_turns(works, "cpu", seconds=0)
    assert {one.rounds for one in found.values()} == {FEWEST}
    assert all(one.ms == 1000 and one.ratio == (1, 1, 1) for one in found.values())
    rounds = [called[6 + 3 * i :][:3] for i in range(FEWEST)]  # after a first pass of each, and one to see how long
    assert all(sorted(order) == ["a", "b", "c"] for order in rounds)
    assert {order[0] for order in rounds} == {order[-1] for order in rounds} == {"a", "b", "c"}


def test_the_plain_backbone_is_the_student_s_own_with_one_layer(run: Path) -> None:
    student = load_student(run).student
    models = contestants(student, 32, len(CLASSES), "cpu")
    backbone = sum(one.numel() for one in student.backbone.parameters())
    d = student.head.sizes["d_img"]  # type: ignore[index,union-attr]
    assert models["plain"].parameters == backbone + (d + 1) * 3
    assert models["student"].parameters == sum(one.numel() for one in student.parameters())
    counted = {name: flops(model.on(1, "cpu")) for name, model in models.items()}
    # What a late fusion of sizes 3, 6 and 5 adds: h_d, both layers of h_t, g.
    assert counted["student"] - counted["plain"] == 2 * (d * 6 + 6 * 5 + 5 * 3 + 6 * 3)


def test_a_clip_is_its_image_tower_and_its_texts(clip: AlignedClip) -> None:
    tower, zeroshot = clip_models(clip, CLASSES).values()
    assert tower.parameters == sum(p.numel() for m in (clip.image_tower, clip.image_projection) for p in m.parameters())
    assert zeroshot.parameters == sum(one.numel() for one in clip.parameters()) > tower.parameters
    assert zeroshot.forward(torch.zeros(2, 3, 32, 32)).shape == (2, len(CLASSES))  # type: ignore[attr-defined]
    assert flops(zeroshot.on(1, "cpu")) > flops(tower.on(1, "cpu"))


def test_the_file_has_every_model_at_every_batch_beside_the_plain_one(
    run: Path, clip: AlignedClip, tmp_path: Path
) -> None:
    save_aligned(tmp_path / "clip", clip, {"stage": "test"})
    out, retriever = tmp_path / "cost.json", {"kind": "aligned", "name": str(tmp_path / "clip")}
    origin = Origin("measure_cost", code="c" * 64)
    measure_cost(run, out, retriever=retriever, device="cpu", threads=1, seconds=0.01, origin=origin)
    found = read_json(out)
    assert [model["name"] for model in found["models"]] == ["plain", "student", "image_tower", "zeroshot"]
    for model in found["models"]:
        assert [one["batch"] for one in model["latency"]] == list(BATCHES)
        assert all(one["low"] <= one["ratio"] <= one["high"] and one["ms"] > 0 for one in model["latency"])
    assert (found["device"], found["threads"], found["precision"]) == ("cpu", 1, "fp32") and found["processor"]
    assert found["provenance"]["code"] == "c" * 64
    assert str(tmp_path) not in json.dumps(found)


def test_without_a_student_it_says_so(tmp_path: Path, clip: AlignedClip) -> None:
    with pytest.raises(UserError, match="does not exist"):
        measure_cost(tmp_path, tmp_path / "out", retriever={}, device="cpu", threads=1, origin=Origin("measure_cost"))
