"""What someone with images and reports of their own has, in miniature: every file that `config/own_data.yaml` names."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.servers.hub_models import timm_repo

from clipit.encoders.text_tower import words_text_tower

CLASSES = ("striped", "grainy")
SECRET = "confidentialword"

_FEW_STEPS = {"steps": 10, "batch": 8, "hidden": 16, "lora": {"r": 2}, "probe": {"epochs": 200}}
OWN_VARIANTS = ["colour", "linear_probe", "lora_only", "random_pairing", "image_distillation", "clipit"]
TRAINED_VARIANTS = ["linear_probe", "clipit_unlabelled"]
SMALLER: dict[str, Any] = {
    "datasets": {
        "my_images": {"size": 32},
        "my_captioned": {"size": 32},
        "elsewhere": {"source": "folder", "path": "data/elsewhere/images.csv", "size": 32},
    },
    "backbones": {
        "my_backbone": {"image_size": 32},
        "trained": {
            "kind": "simclr",
            "dataset": "my_captioned",
            "epochs": 25,
            "batch": 16,
            "threads": 1,
            "architecture": "resnet18",
            "model_args": {
                "layers": [1, 1, 1, 1],
                "channels": [16, 16, 32, 32],
                "stem_type": "deep",
                "stem_width": 4,
            },
        },
    },
    "retrievers": {
        "my_retriever": {"d": 16, "epochs": 2, "batch": 16, "threads": 1},
        "trained_clip": {
            "kind": "aligned",
            "captioned": "my_captioned",
            "image": "trained",
            "train_image": True,
            "text_tower": {"layers": 1, "width": 32, "heads": 2, "context_length": 16},
            "d": 16,
            "epochs": 2,
            "batch": 16,
            "threads": 1,
        },
    },
    "experiments": {
        "own_data": {"seeds": [0], "training": deepcopy(_FEW_STEPS)},
        "trained": {
            "dataset": "my_images",
            "corpus": "my_reports",
            "retriever": "trained_clip",
            "backbone": "trained",
            "variants": TRAINED_VARIANTS,
            "label_fraction": [0.5, 1.0],
            "seeds": [0],
            "training": {**_FEW_STEPS, "lora": {"r": [2, 3]}},
            "extra_tests": [{"dataset": "elsewhere", "classes": {"stripes": "striped", "grain": "grainy"}}],
        },
    },
}
"""On top of own_data.yaml: smaller, and an experiment on a backbone and a retriever trained from scratch, with half of
the labels and with all, with two ranks of which validation chooses, and with a test on images of elsewhere."""


def _texture(rng: np.random.Generator, label: str) -> Image.Image:
    """A synthetic texture: stripes in either direction or grain, alike in mean colour and in contrast."""
    wave = np.sqrt(2) * np.sin(np.arange(32) * 1.2 + rng.uniform(0, 6))
    stripes = np.broadcast_to(wave[:, None] if rng.random() < 0.5 else wave[None, :], (32, 32))
    grain = rng.normal(0, 1, (32, 32))
    picture = stripes if label == "striped" else grain
    noisy = rng.uniform(110, 145, 3) + 35 * picture[..., None] + rng.normal(0, 4, (32, 32, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def write_own_data(folder: Path) -> None:
    """Fills `folder`/data and `folder`/models."""
    rng = np.random.default_rng(0)
    images, captioned = folder / "data" / "images", folder / "data" / "captioned"
    images.mkdir(parents=True)
    captioned.mkdir()
    labelled, captions = ["path,label,split,group"], []
    for i in range(144):
        label, split = CLASSES[i % 2], ("train", "val", "test")[i % 12 // 4]
        _texture(rng, label).save(images / f"{i}.png")
        # Half of the train images have no label, for the variant that learns from such.
        known = label if split != "train" or i % 4 < 2 else ""
        labelled.append(f"{i}.png,{known},{split},patient{i // 4}")
    for i in range(64):
        label = CLASSES[i % 2]
        _texture(rng, label).save(captioned / f"{i}.png")
        captions.append(f"{label} tissue of kind {i % 5}")
    rows = [f"{i}.png,{caption}" for i, caption in enumerate(captions)]
    reports = [f"Case {i}. {SECRET}. {CLASSES[i % 2]} tissue of kind {i % 7}." for i in range(24)]
    elsewhere = folder / "data" / "elsewhere"
    elsewhere.mkdir()
    tested = ["path,label,split,centre"]
    for i in range(26):
        label = ("stripes", "grain")[i % 2] if i < 24 else "blank"
        _texture(rng, CLASSES[i % 2]).save(elsewhere / f"{i}.png")
        tested.append(f"{i}.png,{label},test,{('north', 'south')[i // 2 % 2]}")
    (elsewhere / "images.csv").write_text("\n".join(tested) + "\n")
    (images / "images.csv").write_text("\n".join(labelled) + "\n")
    (captioned / "captions.csv").write_text("\n".join(["image,caption", *rows]) + "\n")
    (folder / "data" / "reports.txt").write_text("\n".join(reports) + "\n")
    timm_repo(folder / "models" / "backbone")
    text = words_text_tower(captions, layers=1, width=16, heads=2, context_length=16, seed=0)
    text.save(folder / "models" / "text")
