"""Tiny random CLIP and SigLIP models of `transformers`, as folders in the formats of the real ones' hub repositories.

Each maker fills `folder` and returns it.
"""

import json
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTokenizer,
    Siglip2Config,
    Siglip2Model,
    SiglipConfig,
    SiglipModel,
)

_LAYERS = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_MERGES = [("m", "u"), ("mu", "c"), ("muc", "o"), ("c", "o"), ("co", "l"), ("n", "o"), ("no", "r"), ("s", "a</w>")]


def plip_repo(folder: Path, *, preprocessor: dict[str, Any] | None = None, seed: int = 0) -> Path:
    """As vinid/plip, which an early version of the library saved.

    That is: pytorch_model.bin alone, with buffers that the library has given up since; an end token that the
    configuration mistakes for 2; sizes as bare numbers. `preprocessor` changes keys of preprocessor_config.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _clip_tokenizer(folder)
    text = _LAYERS | {"vocab_size": vocabulary, "max_position_embeddings": 12, "eos_token_id": 2, "bos_token_id": 0}
    vision = _LAYERS | {"image_size": 32, "patch_size": 16}
    torch.manual_seed(seed)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8))
    positions = {
        "text_model.embeddings.position_ids": torch.arange(12)[None],
        "vision_model.embeddings.position_ids": torch.arange(5)[None],
    }
    torch.save(model.state_dict() | positions, folder / "pytorch_model.bin")
    config = {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": 8,
        "text_config": text,
        "vision_config": vision,
        "transformers_version": "4.24.0",
    }
    (folder / "config.json").write_text(json.dumps(config))
    prepares = {
        "feature_extractor_type": "CLIPFeatureExtractor",
        "do_resize": True,
        "size": 32,
        "resample": 3,
        "do_center_crop": True,
        "crop_size": 32,
        "do_normalize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(prepares | (preprocessor or {})))
    return folder


def siglip_repo(folder: Path, version: Literal["siglip", "siglip2"] = "siglip", seed: int = 0) -> Path:
    """As google/siglip2-base-patch16-224, a SigLIP by its type, or as -naflex, a `siglip2`, of variable resolution.

    Their tokenizer.json pads and truncates by itself, and lower-cases nothing.
    """
    vocabulary = _siglip_tokenizer(folder)
    text = _LAYERS | {"vocab_size": vocabulary, "max_position_embeddings": 12}
    text |= {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}
    torch.manual_seed(seed)
    prepares: dict[str, Any] = {"resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "do_resize": True}
    model: Any
    if version == "siglip":
        vision = _LAYERS | {"image_size": 32, "patch_size": 16}
        model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
        prepares |= {"image_processor_type": "SiglipImageProcessor", "size": {"height": 32, "width": 32}}
    else:
        vision = _LAYERS | {"num_patches": 4, "patch_size": 16}
        model = Siglip2Model(Siglip2Config(text_config=text, vision_config=vision))
        prepares |= {"image_processor_type": "Siglip2ImageProcessor", "max_num_patches": 4, "patch_size": 16}
    # What transformers draws for these is zero, or so small that a mistake would not show.
    for name, weight in model.named_parameters():
        if "embedding" in name or "probe" in name or name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(prepares))
    return folder


def _clip_tokenizer(folder: Path) -> int:
    """tokenizer.json alone, its end token the last of the vocabulary; returns how many tokens there are."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(left + right for left, right in _MERGES)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={token: index for index, token in enumerate(tokens)}, merges=_MERGES)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    settings = special | {"pad_token": "<|endoftext|>", "model_max_length": 12}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return len(tokens)


def _siglip_tokenizer(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    tokens = [*special.values(), "▁", *"abcdefghijklmnopqrstuvwxyz0123456789.,()"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    tokenizer.add_special_tokens(list(special.values()))
    tokenizer.enable_padding(length=12, pad_id=0, pad_token="<pad>")
    tokenizer.enable_truncation(12)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = special | {"tokenizer_class": "GemmaTokenizer", "model_max_length": 12}
    settings |= {"padding_side": "right", "model_input_names": ["input_ids"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return len(tokens)
