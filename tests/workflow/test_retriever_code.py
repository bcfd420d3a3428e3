"""Jobs that load a model: what of the code they depend on, and which commit of the hub they stay at."""

import typing
from pathlib import Path

import pytest
import yaml

from clipit.config.encoders import AnyRetriever
from clipit.config.expand import expand
from clipit.config.load import load_config
from clipit.encoders.retriever_kinds import LOADERS
from clipit.workflow.bind import Binding
from clipit.workflow.code_digest import code_digest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def binding() -> Binding:
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    config = load_config(raw, PROJECT / "config" / "catalog.yaml")
    return Binding(config, expand(config), PROJECT, dry_run=True)


def test_every_kind_has_a_module_that_loads_it() -> None:
    union = typing.get_args(typing.get_args(AnyRetriever)[0])
    kinds = {typing.get_args(kind.model_fields["kind"].annotation)[0] for kind in union}
    assert kinds - {"text_policy"} == set(LOADERS)  # which another retriever is behind


@pytest.mark.parametrize("script", ["embed_images", "embed_reports"])
def test_embedding_covers_the_loader_of_its_own_kind_alone(binding, script) -> None:
    digests = {name: binding.retriever_code(script, name) for name in ("phantom_clip", "quiltnet", "plip", "conch")}
    assert len({binding.code(script), *digests.values()}) == 5
    assert digests["quiltnet"] == binding.retriever_code(script, "biomedclip")
    assert digests["conch"] == code_digest(script, PROJECT, ["clipit.encoders.conch_retriever"])


@pytest.mark.parametrize("script", ["extract_features", "train_student"])
def test_a_backbone_covers_a_retriever_s_loader_only_where_it_is_one_s_tower(binding, script) -> None:
    assert binding.backbone_code(script, "conch_image") == binding.retriever_code(script, "conch")
    plain = {binding.backbone_code(script, name) for name in ("uni", "phantom_resnet", "colour")}
    assert plain == {binding.code(script)}


def test_a_model_of_the_hub_is_loaded_at_the_commit_in_the_marker_that_the_job_waits_for(binding) -> None:
    for name in ("quiltnet", "plip", "conch"):
        assert [binding.retriever(name)["marker"]] == binding.retriever_files(name)
    assert [binding.backbone("uni")["marker"]] == binding.backbone_files("uni")
    assert binding.backbone("conch_image")["retriever"]["marker"] == "results/hub/MahmoodLab--conch.json"
    assert binding.backbone("phantom_resnet")["marker"] is binding.retriever("phantom_clip")["marker"] is None


@pytest.mark.parametrize(
    ("used", "kinds"),
    [
        (["quiltnet"], ["open_clip"]),
        (["other"], ["transformers"]),
        (["quiltnet", "other"], ["open_clip", "transformers"]),
        (["phantom_clip"], ["open_clip", "transformers"]),  # the marker is asked for by its path
    ],
)
def test_a_model_of_the_hub_is_fetched_in_the_formats_that_runs_load(used, kinds) -> None:
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    (experiment,) = raw["experiments"].values()
    experiment |= {"retriever": used, "variants": ["lora_only", "clipit"]}
    raw["retrievers"] = {"other": {"kind": "transformers", "name": "hf-hub:wisdomik/QuiltNet-B-32"}}
    config = load_config(raw, PROJECT / "config" / "catalog.yaml")
    assert Binding(config, expand(config), PROJECT).hub_kinds("wisdomik--QuiltNet-B-32") == kinds
