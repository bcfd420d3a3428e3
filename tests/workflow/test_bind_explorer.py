"""The explorer is asked for the pairings of the experiments, and for their files."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clipit.config.expand import expand
from clipit.config.load import load_config
from clipit.workflow.bind import Binding
from clipit.workflow.bind_pages import PageBinding

PROJECT = Path(__file__).parents[2]
REPORTS = {"mine": {"source": "text", "path": "reports.txt"}}


def bound(corpora: dict[str, Any] | None = None, **experiments: dict[str, Any]) -> PageBinding:
    """The default configuration with its experiment, less what that audits, changed into each of `experiments`."""
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    demo = raw["experiments"]["demo"] | {"audit": []}
    raw["experiments"] = {title: demo | changes for title, changes in experiments.items()}
    raw["corpora"] = corpora or {}
    raw["pairings"] = {"five": {"method": "topk", "k": 5}}
    config = load_config(raw, PROJECT / "config" / "catalog.yaml")
    plan = expand(config)
    return PageBinding(Binding(config, plan, PROJECT), config, plan)


def shown(binding: PageBinding) -> list[tuple[str, ...]]:
    """(data set, corpus, retriever, pairings …) of every collection."""
    return [
        (c["dataset"], c["corpus"], c["retriever"], *(method["name"] for method in c["methods"]))
        for c in binding.explorer_content()["collections"]
    ]


def test_chosen_pairings_come_first_then_those_to_audit_then_one_draw() -> None:
    binding = bound(demo={"pairing": ["top1", "five"], "audit": ["random", "top1"]})
    assert shown(binding) == [("phantom", "phantom_reports", "phantom_clip", "top1", "five", "random", "random_seed0")]
    assert shown(bound(demo={"variants": ["clipit"]}))[0][3:] == ("top1",)


def test_experiments_share_a_collection_and_lists_multiply() -> None:
    retrievers = ["phantom_clip", "phantom_null_clip"]
    binding = bound(
        one={"retriever": retrievers}, two={"pairing": "five"}, three={"variants": ["colour"], "audit": ["five"]}
    )
    first, second = shown(binding)
    assert first[2:] == ("phantom_clip", "top1", "five", "random_seed0", "random_of_five_seed0")
    assert second[2:] == ("phantom_null_clip", "top1", "random_seed0")


def test_its_files_are_all_that_is_read_each_once() -> None:
    binding = bound(demo={})
    paths, content, files = binding.paths, binding.explorer_content(), binding.explorer_files()
    assert len(files) == len(set(files))
    assert set(files) == {
        paths.store_success("phantom"),
        paths.patches("phantom"),
        paths.splits("phantom"),
        paths.labels("phantom"),
        paths.reports("phantom_reports"),
        paths.report_embeddings("phantom_clip", "phantom_reports"),
        *(paths.pairs("phantom", "phantom_reports", "phantom_clip", name) for name in ("top1", "random_seed0")),
    }
    assert content["datasets"]["phantom"]["store"] == paths.store("phantom")
    assert binding.explorer() == [paths.report("explorer.html")]
    assert binding.report_content()["explorer"]


def test_there_is_no_explorer_where_nothing_is_paired() -> None:
    binding = bound(demo={"variants": ["colour"]})
    assert binding.explorer() == []
    assert not binding.report_content()["explorer"]


@pytest.mark.parametrize("changes", [{}, {"variants": ["colour"], "audit": ["five"]}])
def test_own_reports_are_hidden_by_default_also_where_they_are_audited_only(changes: dict[str, Any]) -> None:
    assert bound(demo=changes).explorer_content()["show_text"]
    assert not bound(REPORTS, demo=changes | {"corpus": "mine"}).explorer_content()["show_text"]
