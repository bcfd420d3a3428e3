from pathlib import Path

import pytest
import yaml

from clipit.config.literature import published, read_literature
from clipit.config.variants import VARIANTS

CATALOG = yaml.safe_load((Path(__file__).parents[2] / "config" / "catalog.yaml").read_text())


def test_every_number_is_of_something_in_the_catalog() -> None:
    for source in read_literature().values():
        for backbone, datasets in source.values.items():
            assert backbone in CATALOG["backbones"]
            for dataset, variants in datasets.items():
                assert dataset in CATALOG["datasets"]
                assert dataset in source.tested_on and dataset in source.checkpoint_chosen_on
                assert set(variants) <= set(VARIANTS)
                assert all(0 < mean <= 100 and (std is None or 0 <= std < 20) for mean, std in variants.values())


def test_what_stands_beside_a_run() -> None:
    found = published([("bach", "uni", "linear_probe"), ("bach", "uni", "lora_only"), ("phantom", "uni", "clipit")])
    assert [(one["source"].split()[0], one["value"], one["std"]) for one in found] == [
        ("CLIP-IT", 0.7889, pytest.approx(0.0156)),
        ("eva", 0.785, None),
    ]
    assert "the same 132 images" in found[1]["checkpoint_chosen_on"]


def test_all_of_the_paper_s_two_tables_and_its_ablations_are_there() -> None:
    paper = read_literature()["clip_it"].values
    cells = [value for datasets in paper.values() for variants in datasets.values() for value in variants.values()]
    assert len(cells) == 6 * 3 * 2 + 2 * 3 * 3 + 6
