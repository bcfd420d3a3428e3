import json

import pytest
import torch
from tests.miniatures.resnet import SMALL_RESNET
from tests.servers.hub_models import uni_repo

from clipit.artifacts.patch_store import PatchStore
from clipit.encoders.backbone import load_backbone, save_backbone
from clipit.encoders.retriever import load_retriever
from clipit.encoders.text_tower import words_text_tower
from clipit.pretraining.alignment import train_retriever
from clipit.runtime.errors import UserError

WORDS = {"words": {"layers": 1, "width": 16, "heads": 2, "context_length": 16}}
TINY = {"image_size": None, "d": 8, "batch": 16, "lr": 1e-2, "threads": 1, "seed": 0, "device": "cpu"}


@pytest.fixture
def backbone(tmp_path, origin) -> str:
    """An untrained backbone as a `local-dir:` name."""
    made = load_backbone("resnet18", image_size=32, pretrained=False, model_args=SMALL_RESNET)
    save_backbone(tmp_path / "start", made, origin.provenance())
    return f"local-dir:{tmp_path / 'start'}"


@pytest.fixture
def text_folder(tmp_path) -> str:
    """An untrained text tower as a folder."""
    tower = words_text_tower(["a red green blue grey patch"], layers=1, width=16, heads=2, context_length=16, seed=0)
    tower.save(tmp_path / "text_start")
    return str(tmp_path / "text_start")


def train(dataset, out, origin, **changes):
    names = ("patches.zarr", "patches.parquet", "captions.parquet")
    train_retriever(*(dataset / name for name in names), out, **{**TINY, **changes}, origin=origin)
    return load_retriever("aligned", str(out)), json.loads((out / "retriever.json").read_text())


def agreement(retriever, dataset) -> float:
    """Share of the patches nearest to the caption of their own colour (chance 1/4)."""
    images = torch.from_numpy(PatchStore(dataset / "patches.zarr").batch(range(80)))
    with torch.inference_mode():
        v = retriever.encode_images(retriever.transform(images))
        t = retriever.encode_texts(retriever.tokenize([f"a {name} patch" for name in ("red", "green", "blue", "grey")]))
    return ((v @ t.T).argmax(dim=1) == torch.arange(80) % 4).float().mean().item()


def test_trained_towers_learn_to_agree(dataset, tmp_path, origin, backbone):
    before = load_backbone(backbone).digest
    retriever, described = train(
        dataset, tmp_path / "clip", origin, image=backbone, train_image=True, text=WORDS, epochs=30
    )
    assert agreement(retriever, dataset) > 0.9
    assert described["image"] == "local-dir:image"
    assert described["image_digest"] != before
    assert described["provenance"]["lineage"]["patches"] == "abc"
    assert set(described["provenance"]["lineage"]) == {"patches", "backbone"}


def test_frozen_towers_stay_as_they_are(dataset, tmp_path, origin, backbone, text_folder):
    retriever, described = train(
        dataset, tmp_path / "clip", origin, image=backbone, train_image=False, text=text_folder, epochs=12
    )
    assert described["image_digest"] == load_backbone(backbone).digest
    assert described["image"] == backbone
    assert described["text"] == text_folder
    assert sorted(path.name for path in (tmp_path / "clip").iterdir()) == ["heads.safetensors", "retriever.json"]
    assert agreement(retriever, dataset) > 0.6


def test_a_frozen_image_tower_and_a_trained_text_tower(dataset, tmp_path, origin, backbone):
    _, described = train(dataset, tmp_path / "clip", origin, image=backbone, train_image=False, text=WORDS, epochs=1)
    assert (described["image"], described["text"]) == (backbone, "local-dir:text")


def test_a_frozen_image_tower_of_random_weights_is_kept_since_no_name_leads_to_it(dataset, tmp_path, origin):
    random = {"image": "resnet18", "pretrained": False, "model_args": SMALL_RESNET, "image_size": 32}
    retriever, described = train(dataset, tmp_path / "clip", origin, **random, train_image=False, text=WORDS, epochs=1)
    assert described["image"] == "local-dir:image"
    start = load_backbone("resnet18", pretrained=False, model_args=SMALL_RESNET, image_size=32)
    loaded = retriever.image_backbone().module.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in start.module.state_dict().items())


def test_equal_seeds_give_equal_weights(dataset, tmp_path, origin, backbone):
    kind = {"image": backbone, "train_image": True, "text": WORDS, "epochs": 1}
    first, second, other = (
        train(dataset, tmp_path / f"clip{i}", origin, **{**kind, "seed": seed})[0].digest
        for i, seed in enumerate((0, 0, 1))
    )
    assert first == second != other


def test_too_few_captions_are_a_users_mistake(dataset, tmp_path, origin, backbone):
    with pytest.raises(UserError, match="72 captions"):
        train(dataset, tmp_path / "clip", origin, image=backbone, train_image=False, text=WORDS, epochs=1, batch=80)


@pytest.mark.parametrize("trained", [True, False])
def test_an_image_tower_may_need_arguments_that_its_copy_does_not_tell(dataset, tmp_path, origin, trained):
    folder = uni_repo(tmp_path / "uni")
    given = {"init_values": 1e-5, "dynamic_img_size": True}
    kind = {"image": f"local-dir:{folder}", "model_args": given, "train_image": trained, "text": WORDS, "epochs": 1}
    retriever, _ = train(dataset, tmp_path / "clip", origin, **kind)
    assert any("ls1" in name for name, _ in retriever.image_backbone().module.named_parameters())
