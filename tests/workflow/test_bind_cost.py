"""Which student's cost is measured, and the terms of what the experiments use."""

from pathlib import Path
from typing import Any

import yaml

from clipit.config.expand import expand
from clipit.config.load import load_config
from clipit.workflow.bind import Binding
from clipit.workflow.bind_cost import measured
from clipit.workflow.bind_pages import PageBinding

PROJECT = Path(__file__).parents[2]


def bound(name: str = "config.yaml", **changes: Any) -> tuple[PageBinding, Any]:
    raw = yaml.safe_load((PROJECT / "config" / name).read_text())
    for experiment in raw["experiments"].values():
        experiment |= changes
    config = load_config(raw, PROJECT / "config" / "catalog.yaml")
    plan = expand(config)
    return PageBinding(Binding(config, plan, PROJECT, dry_run=True), config, plan), plan


def test_the_first_student_of_clipit_is_measured_and_shown() -> None:
    bind, plan = bound(seeds=[3, 1])
    run = measured(plan, "demo")
    assert run is not None and (run.variant, run.seed) == ("clipit", 3)
    (cost,) = bind.report_content()["costs"]
    assert cost["file"] == bind.paths.cost("demo")
    assert cost["file"] in bind.report_files()
    assert cost["student"] == {
        "dataset": "phantom", "backbone": "phantom_resnet", "retriever": "phantom_clip", "variant": "clipit", "seed": 3,
    }  # fmt: skip


def test_an_experiment_without_it_has_no_cost() -> None:
    bind, plan = bound(variants=["linear_probe", "clipit_unlabelled"])
    assert measured(plan, "demo") is None
    assert bind.report_content()["costs"] == []


def test_the_report_names_all_data_and_models_once_with_their_terms() -> None:
    sources = bound("paper.yaml")[0].report_content()["sources"]
    names = [(source["role"], source["name"]) for source in sources]
    assert len(names) == len(set(names))
    assert {"images and labels", "backbone", "reports", "retriever"} == {role for role, _ in names}
    assert {("images and labels", "bach"), ("backbone", "uni"), ("retriever", "conch")} <= set(names)
    assert all(source["licence"] and source["citation"] and not source["synthetic"] for source in sources)


def test_what_is_audited_alone_is_named_too_and_the_phantom_is_synthetic() -> None:
    sources = bound(variants=["colour"], audit=["top1"])[0].report_content()["sources"]
    assert ("reports", "phantom_reports") in [(source["role"], source["name"]) for source in sources]
    assert all(source["synthetic"] for source in sources)


def test_a_corpus_with_words_removed_is_named_as_what_it_is_made_of() -> None:
    sources = bound(variants=["clipit", "words_removed_50"])[0].report_content()["sources"]
    assert [source["name"] for source in sources if source["role"] == "reports"] == ["phantom_reports"]
