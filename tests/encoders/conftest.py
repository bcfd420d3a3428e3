"""Tiny random models in the formats of real ones."""

import json
from pathlib import Path
from types import SimpleNamespace

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from clipit.encoders.aligned import AlignedClip, save_aligned
from clipit.encoders.backbone import load_backbone, save_backbone
from clipit.encoders.text_tower import words_text_tower

CAPTIONS = ["Tubular adenoma, low grade.", "Adenocarcinoma (grade 3) with mucin", "normal mucosa of the colon, 0.5 cm"]


def make_resnet(seed: int = 0):
    return load_backbone(
        "resnet10t", pretrained=False, image_size=32, seed=seed, model_args={"channels": [8, 8, 16, 24]}
    )


def make_text(seed: int = 0):
    return words_text_tower(CAPTIONS, layers=1, width=16, heads=2, context_length=12, seed=seed).eval()


def make_aligned(seed: int = 0) -> AlignedClip:
    torch.manual_seed(seed)
    return AlignedClip(make_resnet(seed), make_text(seed), d=8).eval()


@pytest.fixture(scope="session")
def tiny() -> SimpleNamespace:
    """Makers of models: `resnet(seed)`, `text(seed)`, `aligned(seed)`."""
    return SimpleNamespace(resnet=make_resnet, text=make_text, aligned=make_aligned)


@pytest.fixture(scope="session")
def timm_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("timm")
    save_backbone(folder, make_resnet(), {"stage": "test"})
    return folder


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bert") / "text"
    make_text().save(folder)
    return folder


@pytest.fixture(scope="session")
def aligned_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("aligned")
    save_aligned(folder, make_aligned(), {"stage": "test"})
    return folder


def write_open_clip(folder: Path, text: dict, seed: int = 0) -> Path:
    config = {
        "model_cfg": {
            "embed_dim": 8,
            "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
            "text_cfg": text,
        },
        "preprocess_cfg": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "interpolation": "bilinear"},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(seed)
    model = open_clip.create_model(f"local-dir:{folder}", pretrained_text=False)
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
        folder / "open_clip_model.safetensors",
    )
    return folder


@pytest.fixture(scope="session")
def open_clip_folder(tmp_path_factory) -> Path:
    """A CLIP with open_clip's own tokenizer."""
    text = {"context_length": 16, "vocab_size": 49408, "width": 4, "heads": 1, "layers": 1}
    return write_open_clip(tmp_path_factory.mktemp("open_clip"), text)


@pytest.fixture(scope="session")
def open_clip_bert_folder(tmp_path_factory, text_folder) -> Path:
    """A CLIP whose text tower and tokenizer are a BERT's, as BiomedCLIP's are."""
    folder = tmp_path_factory.mktemp("open_clip_bert") / "model"
    folder.mkdir()
    for file in text_folder.glob("*.json"):
        (folder / file.name).write_bytes(file.read_bytes())
    text = {
        "hf_model_name": str(text_folder),
        "hf_tokenizer_name": str(text_folder),
        "hf_proj_type": "linear",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 10,
    }
    return write_open_clip(folder, text)
