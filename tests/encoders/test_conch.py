"""CONCH through a stand-in for its authors' package, with a tiny model in the form of the real checkpoint."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.servers import hub_models
from tests.servers.hub import StandInHub, use_hub
from torch.nn.functional import pad

from clipit.encoders.backbone import build_backbone
from clipit.encoders.retriever import Retriever, load_retriever, truncate
from clipit.models.lora import add_lora, merge_lora
from clipit.runtime.errors import UserError

TEXTS = ["Tubular adenoma, low grade.", "normal mucosa", "adenocarcinoma with mucin " * 60]
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def package(monkeypatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(hub_models.CONCH_PACKAGE)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "conch"]:
        del sys.modules[name]


def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("conch", "conch.open_clip_custom"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def folder(tmp_path) -> Path:
    return hub_models.conch_repo(tmp_path / "conch")


@pytest.fixture
def conch(folder) -> Retriever:
    return load_retriever("conch", f"local-dir:{folder}")


@pytest.fixture
def authors(folder) -> Any:
    from conch.open_clip_custom import create_model_from_pretrained

    return create_model_from_pretrained("conch_ViT-B-16", str(folder / "pytorch_model.bin"))[0].eval()


def test_it_is_a_retriever(conch):
    assert conch.d == 8
    assert conch.context_length == 127
    assert conch.transform.size == 32
    assert conch.transform.mean == (0.48145466, 0.4578275, 0.40821073)


def test_the_digest_is_of_the_published_weights_alone(conch, folder, authors):
    published = torch.load(folder / "pytorch_model.bin", weights_only=True)
    assert set(authors.state_dict()) - set(published) == {"text_decoder.weight", "text_decoder.bias"}
    assert load_retriever("conch", f"local-dir:{folder}").digest == conch.digest


def test_embeddings_are_the_authors(conch, authors):
    from conch.open_clip_custom import get_tokenizer

    tokenizer = get_tokenizer()
    # What the authors' `tokenize` gives where its call still exists.
    encoded = tokenizer(TEXTS, max_length=127, truncation=True, padding="max_length", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        expected = authors.encode_text(pad(encoded, (0, 1), value=tokenizer.pad_token_id))
        tokens = [truncate(ids, conch.context_length) for ids in conch.tokenize(TEXTS)]
        assert torch.equal(conch.encode_texts(tokens), expected)
        assert torch.equal(conch.encode_images(IMAGES), authors.encode_image(IMAGES))
        assert torch.allclose(conch.encode_images(IMAGES).norm(dim=1), torch.ones(2))
    assert len(conch.tokenize(TEXTS)[2]) == 182, "the length before truncation shows"


def test_the_backbone_is_the_image_tower_before_its_projection(conch, authors, monkeypatch):
    backbone = conch.image_backbone()
    with torch.inference_mode():
        expected = authors.encode_image(IMAGES, proj_contrast=False, normalize=False)
        assert torch.allclose(backbone.module(IMAGES), expected, atol=1e-6)
    assert backbone.d == 8
    without_package(monkeypatch)  # a student needs none of theirs
    rebuilt = build_backbone(json.loads(json.dumps(backbone.spec)))
    rebuilt.load_state_dict(backbone.module.state_dict())
    with torch.inference_mode():
        assert torch.equal(rebuilt(IMAGES), backbone.module(IMAGES))


def test_adapters_reach_the_whole_image_tower(conch):
    module = conch.image_backbone().module
    plain = module(IMAGES).detach()
    model = add_lora(module, r=2, alpha=4, dropout=0.0, seed=0)
    assert torch.allclose(model(IMAGES), plain, atol=1e-6)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1, generator=torch.Generator().manual_seed(len(name)))
    model(IMAGES).square().sum().backward()
    adapted = {name for name, weight in model.named_parameters() if weight.grad is not None and weight.grad.any()}
    for part in ("trunk.patch_embed.proj", "trunk.blocks.0.attn.qkv", "pool.q", "pool.k", "pool.v", "pool.out"):
        assert any(f"{part}.lora_A" in name for name in adapted), part
    moved = model(IMAGES).detach()
    assert not torch.allclose(moved, plain, atol=1e-3)
    assert torch.allclose(merge_lora(model)(IMAGES), moved, atol=1e-5)


def test_it_loads_from_the_hub_and_then_from_its_cache(folder, conch, tmp_path, monkeypatch):
    with StandInHub() as hub:
        hub.add_model("MahmoodLab/conch", folder, gated=True)
        use_hub(monkeypatch, tmp_path, hub.url)
        with pytest.raises(UserError, match=r"gated: request access at https://huggingface\.co/MahmoodLab/conch"):
            load_retriever("conch", "hf-hub:MahmoodLab/conch")
        use_hub(monkeypatch, tmp_path, hub.url, token=hub.member)
        assert load_retriever("conch", "hf-hub:MahmoodLab/conch").digest == conch.digest
        use_hub(monkeypatch, tmp_path, "http://127.0.0.1:9")
        assert load_retriever("conch", "hf-hub:MahmoodLab/conch").digest == conch.digest


def test_without_the_package_it_says_how_to_get_it(folder, monkeypatch):
    without_package(monkeypatch)
    with pytest.raises(UserError) as caught:
        load_retriever("conch", f"local-dir:{folder}")
    assert "pip install --no-deps git+https://github.com/mahmoodlab/CONCH" in str(caught.value)
    assert "request access to the weights at https://huggingface.co/MahmoodLab/conch" in str(caught.value)


def test_weights_that_are_not_whole_are_told(folder):
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    del weights["text.cls_emb"]
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"lacks weights of CONCH \(text\.cls_emb\)"):
        load_retriever("conch", f"local-dir:{folder}")


def test_another_kind_of_retriever_is_told():
    with pytest.raises(UserError, match="no retriever is of kind 'clip': choose aligned, conch, open_clip"):
        load_retriever("clip", "local-dir:x")
