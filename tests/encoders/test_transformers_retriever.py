"""CLIP and SigLIP models of `transformers`, against the library's own pipeline of processor and model."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.servers.transformers_models import plip_repo, siglip_repo
from torch.nn.functional import cosine_similarity, normalize
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer, CLIPImageProcessor, CLIPProcessor

from clipit.encoders.backbone import build_backbone
from clipit.encoders.retriever import Retriever, load_retriever, truncate
from clipit.encoders.weights import encoder_digest
from clipit.models.heads import LateFusion
from clipit.models.lora import add_lora, merge_lora
from clipit.models.student import Student
from clipit.models.student_file import load_student, save_student
from clipit.runtime.errors import UserError

TEXTS = ["Normal mucosa.", "mucin", "Adenocarcinoma (grade 3) with mucin, and much more of it than a tower reads."]
MAKERS: dict[str, Callable[[Path], Path]] = {
    "plip": plip_repo,
    "siglip": siglip_repo,
    "siglip2": lambda folder: siglip_repo(folder, "siglip2"),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("transformers")
    return {name: make(root / name) for name, make in MAKERS.items()}


@pytest.fixture(params=MAKERS)
def folder(request, folders) -> Path:
    return folders[request.param]


@pytest.fixture
def retriever(folder) -> Retriever:
    return load_retriever("transformers", f"local-dir:{folder}")


@pytest.fixture
def plain(folder) -> SimpleNamespace:
    """What the library itself loads from the folder."""
    auto = (AutoModel, AutoImageProcessor, AutoTokenizer)
    model, processor, tokenizer = (each.from_pretrained(folder, local_files_only=True) for each in auto)
    return SimpleNamespace(model=model.eval(), processor=processor, tokenizer=tokenizer, clip=folder.name == "plip")


def patches(side: int) -> np.ndarray:
    """Uint8 (3, side, side, 3), smooth enough to be resized without noise."""
    small = torch.rand(3, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 255
    large = torch.nn.functional.interpolate(small, (side, side), mode="bicubic").clamp(0, 255)
    return large.permute(0, 2, 3, 1).to(torch.uint8).numpy()


def encoded(retriever: Retriever, texts: list[str]) -> torch.Tensor:
    tokens = [truncate(ids, retriever.context_length) for ids in retriever.tokenize(texts)]
    with torch.inference_mode():
        return retriever.encode_texts(tokens)


def test_it_is_a_retriever(retriever, folder):
    assert retriever.d == (8 if folder.name == "plip" else 16)
    assert retriever.context_length == 12
    assert retriever.transform.size == 32
    assert retriever.transform.interpolation == ("bicubic" if folder.name == "plip" else "bilinear")
    assert retriever.transform.mean == ((0.48145466, 0.4578275, 0.40821073) if folder.name == "plip" else (0.5,) * 3)
    assert load_retriever("transformers", f"local-dir:{folder}").digest == retriever.digest


@pytest.mark.parametrize("side", [32, 50, 21])
def test_images_are_those_of_the_library_s_pipeline(retriever, plain, side):
    """The same where nothing is resized; else but for the library's rounding to whole grey levels, once an axis."""
    resized, images = side != 32, patches(side)
    inputs = plain.processor(list(images), return_tensors="pt")
    pixels = retriever.transform(torch.from_numpy(images))
    if "spatial_shapes" not in inputs:  # a SigLIP 2 of variable resolution takes patches in a row
        std = torch.tensor(retriever.transform.std).view(3, 1, 1)
        levels = (pixels - inputs["pixel_values"]).abs() * std * 255
        assert levels.max() < (3 if resized else 1e-3)
        assert levels.mean() < (0.4 if resized else 1e-3)
    with torch.inference_mode():
        expected = normalize(plain.model.get_image_features(**inputs).pooler_output, dim=-1)
        found = retriever.encode_images(pixels)
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, atol=5e-3 if resized else 1e-6)
    assert cosine_similarity(found[:1], found[1:]).max() < 0.999, "the images differ"


def test_texts_are_those_of_the_library_s_pipeline(retriever, plain):
    texts = TEXTS if plain.clip else [text.lower() for text in TEXTS]
    padding: Any = True if plain.clip else "max_length"
    inputs = plain.tokenizer(texts, padding=padding, max_length=12, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        expected = normalize(plain.model.get_text_features(**inputs).pooler_output, dim=-1)
    found = encoded(retriever, TEXTS)
    assert torch.allclose(found, expected, atol=1e-6)
    assert cosine_similarity(found[:1], found[1:]).max() < 0.999, "the texts differ"


def test_tokens_are_not_truncated_and_end_in_the_end_token(retriever, plain):
    ids = retriever.tokenize(TEXTS)
    assert min(map(len, ids)) < retriever.context_length < max(map(len, ids))
    assert {text[-1] for text in ids} == {plain.tokenizer.eos_token_id}
    assert ids == retriever.tokenize([text.lower() for text in TEXTS])


def test_a_text_is_the_same_alone_and_beside_others(retriever):
    together = encoded(retriever, TEXTS)
    alone = torch.cat([encoded(retriever, [text]) for text in TEXTS])
    assert torch.allclose(together, alone, atol=1e-6)


def test_the_image_tower_is_a_backbone(retriever, tmp_path):
    backbone = retriever.image_backbone()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    spec = json.dumps(backbone.spec)
    assert str(tmp_path.parent) not in spec
    rebuilt = build_backbone(json.loads(spec))
    rebuilt.load_state_dict(backbone.module.state_dict())
    with torch.inference_mode():
        features = backbone.module(images)
        assert torch.equal(rebuilt(images), features)
        assert torch.equal(normalize(features, dim=-1), retriever.encode_images(images))
    assert backbone.d == retriever.d == features.shape[1]
    assert backbone.digest == encoder_digest(rebuilt, backbone.transform)
    backbone.module.requires_grad_(False).vision.post_layernorm.weight.zero_()
    with torch.inference_mode():
        assert torch.equal(normalize(features, dim=-1), retriever.encode_images(images)), "it is a copy"


def test_every_adapter_acts_gets_a_gradient_and_merges(retriever):
    module = retriever.image_backbone().module
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before, names = module(images).detach(), module.state_dict().keys()
    model = add_lora(module, r=2, alpha=4, dropout=0.0, seed=0)
    assert torch.allclose(model(images), before, atol=1e-6)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1, generator=torch.Generator().manual_seed(len(name)))
    model(images).square().sum().backward()
    adapters = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in adapters.values())
    for part in ("patch_embedding", "q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"):
        assert any(f".{part}.lora_A" in name for name in adapters), part
    assert any((".projection." if "projection.weight" in names else ".head.attention.") in name for name in adapters)
    moved = model(images).detach()
    assert not torch.allclose(moved, before, rtol=1e-2, atol=1e-2)
    merged = merge_lora(model)
    assert torch.allclose(merged(images), moved, atol=1e-5)
    assert merged.state_dict().keys() == names


def test_a_student_of_its_image_tower_is_loaded_from_its_own_folder_alone(retriever, tmp_path):
    backbone = retriever.image_backbone()
    student = Student(backbone.module, LateFusion(backbone.d, n_classes=3, d_txt=retriever.d, hidden=5)).eval()
    about = {"classes": ("a", "b", "c"), "transform": backbone.transform, "backbone_spec": backbone.spec}
    save_student(tmp_path, student, **about, provenance={})
    loaded, images = load_student(tmp_path).student, torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded(images).logits, student(images).logits)


@pytest.mark.parametrize(
    "changed",
    [
        {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}},
        {"size": [32, 32], "crop_size": [32, 32]},
        {"size": {"height": 32, "width": 32}, "do_center_crop": False},
        {"size": {"shortest_edge": 40}, "crop_size": 32},
    ],
)
def test_a_size_is_understood_in_all_its_forms(tmp_path, folders, changed):
    found = load_retriever("transformers", f"local-dir:{plip_repo(tmp_path, preprocessor=changed)}")
    assert found.digest == load_retriever("transformers", f"local-dir:{folders['plip']}").digest


def test_a_processor_may_be_in_one_file(tmp_path, folders):
    """As `save_pretrained` of the library's present version writes it."""
    shutil.copytree(folders["plip"], tmp_path / "saved")
    (tmp_path / "saved" / "preprocessor_config.json").unlink()
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    tokenizer = AutoTokenizer.from_pretrained(folders["plip"], local_files_only=True)
    CLIPProcessor(CLIPImageProcessor(**size), tokenizer).save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved" / "preprocessor_config.json").exists()
    found, expected = (
        load_retriever("transformers", f"local-dir:{at}") for at in (tmp_path / "saved", folders["plip"])
    )
    assert found.digest == expected.digest
    assert found.tokenize(TEXTS) == expected.tokenize(TEXTS)


def test_pixels_may_be_left_unnormalised(tmp_path):
    folder = plip_repo(tmp_path, preprocessor={"do_normalize": False})
    transform = load_retriever("transformers", f"local-dir:{folder}").transform
    assert torch.allclose(transform(torch.full((1, 32, 32, 3), 51, dtype=torch.uint8)), torch.tensor(0.2))


def test_images_of_another_size_than_the_tower_s_are_refused(tmp_path):
    folder = plip_repo(tmp_path, preprocessor={"crop_size": 48, "size": 48})
    with pytest.raises(UserError, match="makes images of 48 px, but its image tower takes 32 px"):
        load_retriever("transformers", f"local-dir:{folder}")


def test_weights_that_are_not_whole_are_told(tmp_path):
    file = plip_repo(tmp_path) / "pytorch_model.bin"
    weights = torch.load(file, weights_only=True)
    del weights["visual_projection.weight"]
    torch.save(weights, file)
    with pytest.raises(UserError, match=r"lacks weights \(visual_projection\.weight\)"):
        load_retriever("transformers", f"local-dir:{tmp_path}")


def test_another_model_is_told(text_folder):
    with pytest.raises(UserError, match="is a bert model: kind: transformers loads clip, siglip, siglip2"):
        load_retriever("transformers", f"local-dir:{text_folder}")


def test_a_tokenizer_that_needs_more_packages_says_which(folders, monkeypatch):
    def missing(*_: Any, **__: Any) -> None:
        raise ImportError("SiglipTokenizer requires the SentencePiece library")

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", missing)
    with pytest.raises(UserError, match="run `pip install sentencepiece protobuf`"):
        load_retriever("transformers", f"local-dir:{folders['siglip']}")


class Code:
    def __reduce__(self):
        return print, ("executed",)


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, capsys):
    with open(plip_repo(tmp_path) / "pytorch_model.bin", "wb") as file:
        pickle.dump({"weight": Code()}, file, protocol=2)
    with pytest.raises(UserError, match="more than tensors"):
        load_retriever("transformers", f"local-dir:{tmp_path}")
    assert "executed" not in capsys.readouterr().out
