"""What tests on other data sets ask of a configuration, and what they leave alone."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clipit.config.expand import Plan, expand
from clipit.config.experiment import Config
from clipit.config.load import load_config
from clipit.runtime.errors import UserError
from clipit.workflow.bind import Binding
from clipit.workflow.bind_pages import PageBinding
from clipit.workflow.bind_runs import RunBinding
from clipit.workflow.check import check_class_maps, planned_entries
from clipit.workflow.overlap import overlaps

PROJECT = Path(__file__).parents[2]
TUMOUR = {"dataset": "crc_val_he_7k", "split": "all", "classes": {"TUM": "tumour", "STR": "stroma"}}
VARIANTS = ["colour", "linear_probe", "retriever_zeroshot", "retriever_probe", "no_lora", "clipit"]


def loaded(*extras: dict[str, Any], more: dict[str, Any] | None = None, **changes: Any) -> tuple[Config, Plan]:
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    raw["experiments"]["demo"] |= {"extra_tests": list(extras), "variants": VARIANTS, "seeds": [0]} | changes
    config = load_config({**raw, **(more or {})}, PROJECT / "config" / "catalog.yaml")
    return config, expand(config)


def test_every_variant_s_model_is_found() -> None:
    config, plan = loaded(TUMOUR)
    bind = Binding(config, plan, PROJECT)
    runs, paths = RunBinding(bind, config), bind.paths
    (extra,) = bind.extra_tests("demo")
    assert extra["id"].startswith("crc_val_he_7k-")
    found = {}
    for row in plan.tables["demo"]:
        files = runs.classifier_files(row.run, extra["id"])
        assert files["labels"] == paths.labels("crc_val_he_7k")
        model = files["model"].removeprefix(paths.run_file("", **row.run.wildcards))
        found[row.run.variant] = (runs.kind(row.run), model, files.get("vectors"))
    tower = bind.image_embeddings("phantom_clip", "crc_val_he_7k")
    probe = ("probe", "probe.safetensors")
    assert found == {
        "colour": (*probe, [paths.features("colour", "crc_val_he_7k")]),
        "linear_probe": (*probe, [paths.features("phantom_resnet", "crc_val_he_7k")]),
        "retriever_probe": (*probe, tower),
        "retriever_zeroshot": ("zeroshot", paths.class_prompts("phantom_clip", "phantom"), tower),
        "no_lora": ("student", "student.json", None),
        "clipit": ("student", "student.json", None),
    }


def test_an_extra_test_adds_files_to_the_table_and_no_run() -> None:
    (config, plan), (plain, before) = loaded(TUMOUR), loaded()
    assert plan.runs.keys() == before.runs.keys()
    bind, plainly = Binding(config, plan, PROJECT), Binding(plain, before, PROJECT)
    added = set(bind.compared_files("demo")) - set(plainly.compared_files("demo"))
    assert len(added) == 2 * len(VARIANTS)
    assert all(f"/extra/{bind.extra_tests('demo')[0]['id']}/" in file for file in added)
    assert "crc_val_he_7k" in planned_entries(config, plan)["datasets"]
    pages = PageBinding(bind, config, plan)
    assert pages.configuration_digest() != PageBinding(plainly, plain, before).configuration_digest()
    told = pages.report_content()["configuration"]
    assert told["experiments"]["demo"]["extra_tests"] and "crc_val_he_7k" in told["datasets"]


def test_two_maps_of_one_data_set_do_not_collide() -> None:
    config, _ = loaded(TUMOUR, TUMOUR | {"split": "test"}, TUMOUR | {"classes": {"TUM": "tumour"}})
    assert len({extra.id for extra in config.experiments["demo"].extra_tests}) == 3
    backwards = TUMOUR | {"classes": dict(reversed(TUMOUR["classes"].items()))}
    again, _ = loaded(backwards)
    assert again.experiments["demo"].extra_tests[0].id == config.experiments["demo"].extra_tests[0].id


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"dataset": "crc"}, "none of its classes (ADI, BACK"),
        ({"dataset": "crc", "classes": {"TUMM": "tumour"}}, "'TUMM' is no class of crc, did you mean 'TUM'?"),
        ({"dataset": "crc", "classes": {"TUM": "tumor"}}, "'tumor' is no class of phantom, did you mean 'tumour'?"),
        ({"dataset": "crc_val_he_7k", "classes": {"x": "tumor"}}, "'tumor' is no class of phantom"),
    ],
)
def test_maps_of_known_classes_are_looked_at_before_any_job(extra: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        check_class_maps(loaded(extra)[0])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_maps_of_own_images_are_looked_at_by_what_is_listed(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("path,label,split\na.png,adenoma,test\nb.png,mucosa,test\n")
    mine = {"datasets": {"other": {"source": "folder", "path": str(tmp_path / "other.csv"), "size": 32}}}
    with pytest.raises(UserError, match="'carcinoma' is no class of other"):
        check_class_maps(loaded({"dataset": "other", "classes": {"carcinoma": "tumour"}}, more=mine)[0])
    check_class_maps(loaded({"dataset": "other", "classes": {"adenoma": "tumour"}}, more=mine)[0])


def test_a_test_set_of_the_training_set_s_origin_is_named() -> None:
    config, plan = loaded({"dataset": "crc_val_he_7k"}, dataset="crc")
    found = overlaps(config, plan.tables["demo"], ["crc_val_he_7k"])
    assert len(found) == 1
    assert "extra test crc_val_he_7k and training set crc are both of nct_crc_he" in found[0]
    assert overlaps(config, plan.tables["demo"]) == []
