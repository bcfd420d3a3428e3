"""Tiny random models and tables, as folders in the formats of the real ones' hub repositories.

Each maker fills `folder` and returns it; `StandInHub.add_model` or `.add_dataset` publishes it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import open_clip
import timm
import torch
from safetensors.torch import save_file

from clipit.encoders.text_tower import words_text_tower

CONCH_PACKAGE = Path(__file__).parent / "conch_package"
"""The folder that a path needs for `import conch`: a stand-in for its authors' package."""

WORDS = ["Tubular adenoma, low grade.", "Adenocarcinoma (grade 3) with mucin", "normal mucosa of the colon, 0.5 cm"]
_MEAN, _STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
_VISION = {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16}


def timm_repo(folder: Path, *, safetensors: bool = True, seed: int = 0, **model_args: Any) -> Path:
    """A backbone as timm's own organisation publishes it: test_vit at 32 px, with `model_args` that it does not tell.

    `safetensors` False: with pytorch_model.bin alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    state = timm.create_model("test_vit", img_size=32, num_classes=0, **model_args).state_dict()
    config = {
        "architecture": "test_vit",
        "num_classes": 0,
        "num_features": 64,
        "pretrained_cfg": {
            "tag": "stand_in",
            "custom_load": False,
            "input_size": [3, 32, 32],
            "fixed_input_size": True,
            "interpolation": "bicubic",
            "crop_pct": 0.95,
            "crop_mode": "center",
            "mean": _MEAN,
            "std": _STD,
            "num_classes": 0,
            "pool_size": None,
            "first_conv": "patch_embed.proj",
            "classifier": "head",
        },
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nA stand-in.\n")
    if safetensors:
        save_file(state, folder / "model.safetensors")
    else:
        torch.save(state, folder / "pytorch_model.bin")
    return folder


def uni_repo(folder: Path, seed: int = 0) -> Path:
    """As MahmoodLab/uni: pytorch_model.bin alone, and a config that does not tell `init_values`."""
    (timm_repo(folder, safetensors=False, seed=seed, init_values=1e-5, dynamic_img_size=True) / "uni.jpg").write_bytes(
        b"\xff\xd8 a picture that no job needs"
    )
    return folder


def quiltnet_repo(folder: Path, seed: int = 0) -> Path:
    """As wisdomik/QuiltNet-B-32: an open_clip model with its own tokenizer, beside another library's copy of it."""
    text = {"context_length": 16, "vocab_size": 49408, "width": 4, "heads": 1, "layers": 1}
    _open_clip(folder, {"embed_dim": 8, "vision_cfg": _VISION, "text_cfg": text}, seed)
    (folder / "config.json").write_text(json.dumps({"architectures": ["CLIPModel"], "model_type": "clip"}))
    (folder / "pytorch_model.bin").write_bytes(b"what transformers would load")
    return folder


def bert_repo(folder: Path, seed: int = 0, words: Sequence[str] = WORDS) -> Path:
    """A BERT with its tokenizer, of which an open_clip model reads the configuration."""
    words_text_tower(words, layers=1, width=16, heads=2, context_length=12, seed=seed).save(folder)
    return folder


def biomedclip_repo(folder: Path, bert: Path, *, bert_name: str, tokenizer: bool = True, seed: int = 0) -> Path:
    """As BiomedCLIP: a timm image tower, and a BERT whose architecture and tokenizer another repository names.

    Args:
        bert: that repository's folder.
        bert_name: its name on the hub.
        tokenizer: whether this repository holds a copy of the tokenizer.
    """
    text = {
        "hf_model_name": str(bert),
        "hf_tokenizer_name": str(bert),
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 10,
    }
    vision = {"timm_model_name": "test_vit", "timm_model_pretrained": True, "timm_proj": "linear", "image_size": 32}
    if tokenizer:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((bert / name).read_bytes())
    config = {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}
    named = text | {"hf_model_name": bert_name, "hf_tokenizer_name": bert_name}
    _open_clip(folder, config, seed)
    _write_open_clip_config(folder, config | {"text_cfg": named})
    return folder


def conch_repo(folder: Path, seed: int = 0) -> Path:
    """As MahmoodLab/conch: pytorch_model.bin, without the caption decoder's weights and without a configuration.

    `CONCH_PACKAGE` must be on sys.path.
    """
    from conch.open_clip_custom import CoCa

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    published = {name: weight for name, weight in CoCa().state_dict().items() if not name.startswith("text_decoder.")}
    torch.save(published, folder / "pytorch_model.bin")
    (folder / "meta.yaml").write_text("name: stand-in\n")
    return folder


def _open_clip(folder: Path, config: dict[str, Any], seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write_open_clip_config(folder, config)
    torch.manual_seed(seed)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")


def _write_open_clip_config(folder: Path, config: dict[str, Any]) -> None:
    preprocess = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "interpolation": "bilinear"}
    text = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}, indent=2)
    (folder / "open_clip_config.json").write_text(text)
