"""What audits, tables of pairings and triage ask of a configuration."""

from pathlib import Path
from typing import Any

import yaml

from clipit.config.expand import Plan, expand
from clipit.config.load import load_config
from clipit.workflow.bind import Binding
from clipit.workflow.bind_pages import PageBinding
from clipit.workflow.bind_runs import RunBinding
from clipit.workflow.bind_triage import TriageBinding
from clipit.workflow.check import planned_entries

PROJECT = Path(__file__).parents[2]


def bound(**changes: Any) -> tuple[Binding, Plan]:
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    raw["experiments"]["demo"] |= {"audit": []} | changes
    raw["retrievers"] = {"chunked": {"kind": "text_policy", "retriever": "phantom_clip", "text": {"policy": "chunks"}}}
    config = load_config(raw, PROJECT / "config" / "catalog.yaml")
    plan = expand(config)
    return Binding(config, plan, PROJECT), plan


def on_the_page(**changes: Any) -> tuple[dict[str, Any], list[str]]:
    """What the report shows of the experiment, and all files that it reads."""
    bind, plan = bound(**changes)
    pages = PageBinding(bind, bind._config, plan)
    return pages.report_content()["experiments"][0], pages.report_files()


def test_a_table_has_what_is_trained_on_what_is_audited_and_one_draw() -> None:
    bind, _ = bound(variants=["clipit", "random_pairing"], seeds=[3, 4], audit=["top5", "random"])
    shown = [row["row"]["pairing"] for row in bind.compared_pairings("demo")]
    assert shown == ["top1", "top5", "random", "random_seed3"]
    assert [audit["row"]["pairing"] for audit in bind.audits("demo")] == shown
    assert {row["method"] for row in bind.compared_pairings("demo")} == {"top1", "topk", "random"}
    files = bind.compared_pairing_files("demo")
    assert len(files) == len(set(files))
    for row in bind.compared_pairings("demo"):
        assert {row["pairs"], row["audit"], row["patches"], *row["truth"].values()} <= set(files)


def test_every_control_of_a_table_is_one_whoever_made_it() -> None:
    bind, _ = bound(variants=["clipit", "random_pairing"], audit=["csls", "random", "shuffled", "oracle"])
    controls = {row["row"]["pairing"]: row["control"] for row in bind.compared_pairings("demo")}
    assert [name for name, control in controls.items() if not control] == ["top1", "csls"]
    assert len(controls) == 6


def test_the_pictures_are_of_a_pairing_that_is_no_control() -> None:
    experiment, files = on_the_page(variants=["random_pairing"], audit=["shuffled", "oracle", "csls"])
    assert experiment["montage"]["row"]["pairing"] == "csls"
    assert experiment["montage"]["files"]["pairs"] in files
    assert on_the_page(variants=["random_pairing"], audit=["shuffled"])[0]["montage"] is None


def test_retrievers_multiply_and_the_first_comes_first() -> None:
    bind, _ = bound(retriever=["phantom_clip", "chunked"], variants=["clipit"], audit=["top5"])
    rows = [(row["row"]["retriever"], row["row"]["pairing"]) for row in bind.compared_pairings("demo")]
    assert rows == [(retriever, pairing) for retriever in ("phantom_clip", "chunked") for pairing in ("top1", "top5")]


def test_an_experiment_without_reports_has_no_such_table_unless_it_audits() -> None:
    bind, plan = bound(variants=["colour", "lora_only"])
    assert bind.pairing_tables() == []
    experiment, _ = on_the_page(variants=["colour", "lora_only"])
    assert experiment["pairings_json"] is None
    assert experiment["montage"] is None
    bind, plan = bound(variants=["colour"], audit=["top5"])
    assert bind.pairing_tables(["md"]) == [bind.paths.pairing_table("demo", "md")]
    assert planned_entries(bind._config, plan)["corpora"] == ["phantom_reports"]


def test_own_reports_that_are_only_audited_stay_out_of_the_page() -> None:
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    raw["corpora"] = {"mine": {"source": "text", "path": "mine.txt"}}
    raw["experiments"]["demo"] |= {"variants": ["colour"], "corpus": "mine", "audit": ["top1"]}
    config = load_config(raw, PROJECT / "config" / "catalog.yaml")
    plan = expand(config)
    assert PageBinding(Binding(config, plan, PROJECT), config, plan).report_content()["show_text"] is False


def test_triage_reads_teachers_of_the_first_seed_and_shares_them_with_the_runs() -> None:
    bind, plan = bound(variants=["clipit", "random_pairing"], seeds=[2, 5], audit=["top5"])
    (context,) = TriageBinding(bind, plan).contexts("demo")
    assert [(one["pairing"], one["chosen"]) for one in context["pairings"]] == [("top1", True), ("top5", False)]
    files = [context["floor"], *(one["teacher"] for one in context["pairings"])]
    assert all("/phantom_clip/teacher/" in file and "/seed2/predictions.parquet" in file for file in files)
    trained = {bind.paths.run_file("predictions.parquet", **run.wildcards) for run in plan.runs.values()}
    assert [file in trained for file in files] == [True, True, False]
    assert {context["floor"], context["class_prompts"]} <= set(TriageBinding(bind, plan).files("demo"))


def test_a_teacher_for_triage_alone_is_a_run_that_rules_find() -> None:
    bind, plan = bound(variants=["colour"], audit=["top5"])
    assert not [run for run in plan.runs.values() if run.variant == "teacher"]
    one = plan.triage["demo"][1]

    class Wildcards:
        dataset, backbone, variant = one.teacher.dataset, one.teacher.backbone, one.teacher.variant
        run, seed = one.teacher.id, str(one.teacher.seed)

    assert plan.run(Wildcards) == one.teacher
    assert RunBinding(bind, bind._config).target_files(one.floor)["pairs"] == bind.paths.pairs(
        "phantom", "phantom_reports", "phantom_clip", "random_of_top5_seed0"
    )
    assert bind.method("random_seed0") == "random"


def test_texts_read_in_another_way_share_images_and_class_prompts() -> None:
    bind, plan = bound(retriever=["phantom_clip", "chunked"], variants=["clipit"])
    plain, chunked = TriageBinding(bind, plan).contexts("demo")
    assert plain["class_prompts"] == chunked["class_prompts"]
    assert plain["image_embeddings"] == chunked["image_embeddings"]
    assert plain["report_embeddings"] != chunked["report_embeddings"]
