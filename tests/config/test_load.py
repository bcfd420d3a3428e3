"""Messages of the configuration: each says what is wrong, where, and what is near."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from clipit.config.licence import Data, Licensed
from clipit.config.load import load_config, merge_entries
from clipit.runtime.errors import UserError

PROJECT = Path(__file__).parents[2]
CATALOG = PROJECT / "config" / "catalog.yaml"


@pytest.fixture
def raw() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())


# phantom_pairings.yaml comes on top of phantom_seeds.yaml.
SHIPPED = {path.name for path in (PROJECT / "config").glob("*.yaml")} - {"catalog.yaml", "phantom_pairings.yaml"}


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_config_loads(name: str) -> None:
    config = load_config(yaml.safe_load((PROJECT / "config" / name).read_text()), CATALOG)
    assert config.experiments


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda c: c.update(experimens={}), ["unknown key 'experimens'", "did you mean 'experiments'"]),
        (lambda c: c.update(results="s3://lab/clipit"), ["results", "is an address", "docs/object_storage.md"]),
        (lambda c: c["experiments"]["demo"].update(trainig={}), ["experiments.demo.trainig", "'training'"]),
        (lambda c: c["experiments"]["demo"]["training"]["lora"].update(alfa=1), ["training.lora.alfa", "'alpha'"]),
        (lambda c: c["experiments"]["demo"].update(variants=["clipitt"]), ["'clipitt' is unknown", "'clipit'"]),
        (lambda c: c["experiments"]["demo"].update(backbone="phantom_resnt"), ["backbone", "'phantom_resnet'"]),
        (lambda c: c["experiments"]["demo"].update(dataset=["phantom", "x"]), ["demo.dataset = 'x'", "allowed:"]),
        (lambda c: c["experiments"]["demo"].pop("corpus"), ["experiments.demo.corpus is missing"]),
        (lambda c: c["experiments"]["demo"]["training"].update(lr="fast"), ["training.lr = 'fast'", "valid number"]),
        (lambda c: c.update(datasets={"mine": {"source": "foldr", "path": "x"}}), ["source = 'foldr'", "'folder'"]),
        (lambda c: c.update(datasets={"mine": {"source": "folder", "pth": "x"}}), ["datasets.mine.pth", "'path'"]),
        (lambda c: c.update(datasets={"phantom": {"size": -1}}), ["datasets.phantom.size = -1", "greater than 0"]),
        (lambda c: c.update(pairings={"mine": {"method": "top2"}}), ["'top2' is unknown", "'topk'"]),
        (
            lambda c: c.update(retrievers={"phantom_clip": {"text": {"sections": ["diagnossis"]}}}),
            ["text.sections", "did you mean 'diagnosis'"],
        ),
        (lambda c: c.update(retrievers={"phantom_clip": {"text": {"overlap": 5}}}), ["belong to policy: chunks"]),
        (
            lambda c: c.update(retrievers={"phantom_clip": {"text_tower": {"layer": 1}}}),
            ["text_tower.layer", "'layers'"],
        ),
        (lambda c: c.update(retrievers={"phantom_clip": {"captioned": "phantom"}}), ["captioned", "without captions"]),
        (lambda c: c.update(datasets=["x"]), ["datasets must map names"]),
        (lambda c: c.update(backbones={"colour": {"kind": "timm", "name": "resnet18"}}), ["backbones.colour"]),
        (lambda c: c.update(pairings={"random_seed1": {"method": "top1"}}), ["clipit's own"]),
        (
            lambda c: c["experiments"]["demo"].update(extra_tests=[{"dataset": "bch"}]),
            ["demo.extra_tests = 'bch'", "'bach'"],
        ),
        (
            lambda c: c["experiments"]["demo"].update(extra_tests=[{"dataset": "phantom"}]),
            ["extra_tests = 'phantom'", "another data set"],
        ),
        (
            lambda c: c["experiments"]["demo"].update(extra_tests=[{"dataset": "phantom_source"}]),
            ["extra_tests", "no labels"],
        ),
        (
            lambda c: c["experiments"]["demo"].update(extra_tests=[{"dataset": "crc", "clases": {}}]),
            ["extra_tests.0.clases", "'classes'"],
        ),
        (
            lambda c: c["experiments"]["demo"].update(extra_tests=[{"dataset": "crc", "classes": {}}]),
            ["extra_tests.0.classes", "at least 1"],
        ),
        (
            lambda c: c["experiments"]["demo"].update(extra_tests=[{"dataset": "crc", "split": "tset"}]),
            ["extra_tests.0.split = 'tset'", "'test'"],
        ),
        (
            lambda c: c["experiments"]["demo"].update(extra_tests=[{"dataset": "crc"}] * 2),
            ["names 'crc' twice in the same way"],
        ),
        (lambda c: c["experiments"]["demo"].update(seeds=[0, 0]), ["seeds names one twice"]),
        (lambda c: c["experiments"]["demo"].update(seeds=[]), ["experiments.demo.seeds", "at least 1 item"]),
        (
            lambda c: c.update(backbones={"uni": {"revision": "refs/pr/1"}}),
            ["backbones.uni.revision", "without a slash"],
        ),
        (
            lambda c: c.update(retrievers={"plip": {"name": "vinid/plip"}}),
            ["retrievers.plip.name", "write hf-hub:organisation/model or local-dir:folder"],
        ),
        (
            lambda c: c.update(
                backbones={"own": {"kind": "retriever", "retriever": "phantom_clip"}},
                retrievers={"phantom_clip": {"image": "own"}},
            ),
            ["is a retriever's tower"],
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(raw: dict[str, Any], spoil: Callable[[Any], Any], words: list[str]) -> None:
    spoil(raw)
    with pytest.raises(UserError) as caught:
        load_config(raw, CATALOG)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_scalars_from_the_command_line_arrive_as_strings(raw: dict[str, Any]) -> None:
    raw["datasets"] = {"phantom": {"train_labels": "30"}}
    raw["compute"] = {"threads": "2"}
    config = load_config(raw, CATALOG)
    assert config.datasets["phantom"].train_labels == 30
    assert config.compute.threads == 2


def test_an_entry_changes_keys_of_the_catalog_or_replaces_it() -> None:
    catalog = {"a": {"source": "phantom", "seed": 0, "deep": {"x": 1, "y": 2}}}
    before = copy.deepcopy(catalog)
    assert merge_entries(catalog, {"a": {"deep": {"y": 3}}})["a"] == {
        "source": "phantom",
        "seed": 0,
        "deep": {"x": 1, "y": 3},
    }
    assert merge_entries(catalog, {"a": {"source": "folder"}})["a"] == {"source": "folder"}
    assert catalog == before


def test_a_password_in_an_address_is_refused_and_not_shown(raw: dict[str, Any]) -> None:
    raw["downloads"] = {"mine": {"kind": "http", "url": "https://user:hunter2@example.org/x.zip"}}
    with pytest.raises(UserError, match="a password has no place") as caught:
        load_config(raw, CATALOG)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "query", ["X-Amz-Date=1&X-Amz-Signature=hunter2", "sv=1&sig=hunter2", "access_token=hunter2", "ApiKey=hunter2"]
)
def test_a_secret_in_the_query_of_an_address_is_refused_and_not_shown(raw: dict[str, Any], query: str) -> None:
    raw["downloads"] = {"mine": {"kind": "http", "url": f"https://example.org/x.zip?{query}"}}
    with pytest.raises(UserError, match=r"downloads\.mine\.url: .* has no place in an address") as caught:
        load_config(raw, CATALOG)
    assert "hunter2" not in str(caught.value)


def test_an_address_may_have_a_query(raw: dict[str, Any]) -> None:
    raw["downloads"] = {"mine": {"kind": "http", "url": "https://zenodo.org/records/1/files/x.zip?download=1"}}
    assert load_config(raw, CATALOG).downloads["mine"].file == "x.zip"


def test_every_entry_of_the_catalog_says_its_licence_its_citation_and_its_collections(raw: dict[str, Any]) -> None:
    config = load_config(raw, CATALOG)
    sections = (config.datasets, config.corpora, config.retrievers, config.backbones)
    entries = [(name, entry) for section in sections for name, entry in section.items()]
    public = {name: e for name, e in entries if isinstance(e, Licensed) and getattr(e, "source", "") != "phantom"}
    assert {"pcam", "tcga_reports_breast", "conch", "resnet50"} <= set(public)
    for name, entry in public.items():
        assert entry.licence, name
        assert entry.citation, name
        assert entry.drawn_from if isinstance(entry, Data) else entry.pretrained_on, name
