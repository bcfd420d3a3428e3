"""Models that saw the data before are named."""

from pathlib import Path

import yaml

from clipit.config.expand import expand
from clipit.config.load import load_config
from clipit.workflow.overlap import backbone_saw, overlaps

PROJECT = Path(__file__).parents[2]


def test_a_backbone_and_a_corpus_of_one_collection_are_named() -> None:
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    raw["datasets"] = {"phantom": {"drawn_from": ["tcga"]}}
    raw["experiments"]["demo"] |= {
        "corpus": "tcga_colon",
        "retriever": "quiltnet",
        "backbone": ["kaiko_vits16", "quiltnet_image"],
        "variants": ["lora_only", "clipit"],
    }
    config = load_config(raw, PROJECT / "config" / "catalog.yaml")
    found = overlaps(config, expand(config).tables["demo"])
    assert len(found) == 2
    assert "kaiko_vits16 was pretrained on tcga, where data set phantom is from" in found[0]
    assert "corpus tcga_colon" in found[1]
    assert backbone_saw(config, "quiltnet_image") == {"quilt"}


def test_the_phantom_s_models_saw_nothing() -> None:
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    config = load_config(raw, PROJECT / "config" / "catalog.yaml")
    assert overlaps(config, expand(config).tables["demo"]) == []
