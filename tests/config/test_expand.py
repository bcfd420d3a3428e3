"""Experiments become runs: lists multiply, shared runs are trained once, a run's id covers what it reads."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clipit.config.expand import Plan, Run, expand
from clipit.config.load import load_config
from clipit.config.training import Training
from clipit.config.variants import VARIANTS

PROJECT = Path(__file__).parents[2]


def plan(**changes: Any) -> Plan:
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    for key, value in changes.items():
        raw["experiments"]["demo"][key] = value
    return expand(load_config(raw, PROJECT / "config" / "catalog.yaml"))


def one(made: Plan, variant: str, seed: int = 0) -> Run:
    return next(run for run in made.runs.values() if (run.variant, run.seed) == (variant, seed))


def test_lists_multiply() -> None:
    made = plan(pairing=["top1", "top5"], variants=["clipit"], seeds=[0, 1])
    assert len(made.tables["demo"]) == 4
    assert {row.combination["pairing"] for row in made.tables["demo"]} == {"top1", "top5"}


def test_a_run_that_reads_no_pairing_is_shared() -> None:
    made = plan(pairing=["top1", "top5"], variants=["lora_only", "clipit"], seeds=[0])
    rows = made.tables["demo"]
    (shared,) = [row for row in rows if row.run.variant == "lora_only"]
    assert shared.combination["pairing"] is None
    assert shared.combination["backbone"] == "phantom_resnet"
    assert len({row.run.id for row in rows if row.run.variant == "clipit"}) == 2


def test_every_student_has_its_probe_and_its_teacher_among_the_runs() -> None:
    made = plan()
    for run in made.runs.values():
        for needed in (run.probe, run.teacher):
            if needed is not None:
                assert tuple(needed.wildcards.values()) in made.runs
    assert one(made, "lora_only").teacher is None
    assert one(made, "clipit").teacher == one(made, "clipit_unlabelled").teacher


def test_lambda_matters_to_what_distils_alone() -> None:
    training = {"steps": 150, "batch": 48, "lora": {"r": 8}}
    low, high = plan(training=training | {"lambda": 0.5}), plan(training=training | {"lambda": 2})
    assert one(low, "clipit").id != one(high, "clipit").id
    assert one(low, "lora_only").id == one(high, "lora_only").id
    assert one(low, "linear_probe").id == one(high, "linear_probe").id
    assert one(low, "teacher").id == one(high, "teacher").id


def test_the_probe_s_settings_reach_the_students_that_start_from_it() -> None:
    assert one(plan(), "lora_only").id != one(plan(training={"probe": {"epochs": 3}}), "lora_only").id


def test_random_pairing_draws_anew_for_every_seed_under_one_id() -> None:
    made = plan(variants=["random_pairing"], seeds=[0, 1])
    assert made.pairings["random_seed1"].seed == 1
    assert one(made, "random_pairing", 0).pairing == "random_seed0"
    assert one(made, "random_pairing", 0).id == one(made, "random_pairing", 1).id


def test_the_order_of_keys_and_the_seeds_do_not_change_an_id() -> None:
    forwards = plan(training={"steps": 10, "batch": 4, "lora": {"r": 2, "alpha": 4}})
    backwards = plan(training={"lora": {"alpha": 4, "r": 2}, "batch": 4, "steps": 10}, seeds=[5])
    assert one(forwards, "clipit").id == one(backwards, "clipit", 5).id


def test_a_pairing_s_name_never_hides_its_seed() -> None:
    drawn = {"draw_seed1": {"method": "random", "seed": 1}, "draw_seed2": {"method": "random", "seed": 2}}
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text()) | {"pairings": drawn}
    raw["experiments"]["demo"] |= {"pairing": list(drawn), "variants": ["clipit"], "seeds": [0]}
    made = expand(load_config(raw, PROJECT / "config" / "catalog.yaml"))
    assert len({row.run.id for row in made.tables["demo"]}) == 2


def test_clipit_on_random_pairs_and_the_random_control_have_teachers_of_their_own() -> None:
    made = plan(pairing=["random"], variants=["clipit", "random_pairing"], seeds=[1])
    chosen, control = one(made, "clipit", 1), one(made, "random_pairing", 1)
    assert chosen.teacher is not None
    assert control.teacher is not None
    assert chosen.teacher.id != control.teacher.id


def test_defaults_written_out_give_the_same_run_ids() -> None:
    spelt = Training().model_dump(by_alias=True)
    asked = {"lora": {"r": 8, "alpha": 8}, "colour": {"epochs": 300}, "clip": 0.5, "lambda": 1}
    for training in (spelt, asked):
        for variant in ("colour", "linear_probe", "lora_only", "clipit"):
            assert one(plan(training=training), variant).id == one(plan(training={}), variant).id


def test_every_variant_expands_and_what_it_starts_from_is_among_the_runs() -> None:
    names = [name for name in VARIANTS if name != "contrastive"]
    made = plan(variants=names, seeds=[0])
    assert {row.run.variant for row in made.tables["demo"]} == set(names)
    for run in made.runs.values():
        assert all(tuple(needed.wildcards.values()) in made.runs for needed in run.needs.values())
        if run.pairing is not None:
            assert run.pairing in made.pairings


def test_controls_differ_from_clipit_in_their_target_alone() -> None:
    made = plan(
        variants=["clipit", "shuffled_text", "constant_text", "image_distillation", "oracle_pairing"], seeds=[0]
    )
    clipit = one(made, "clipit")
    for name in ("shuffled_text", "constant_text", "image_distillation", "oracle_pairing"):
        assert one(made, name).settings == clipit.settings
        assert one(made, name).probe == clipit.probe
    assert one(made, "shuffled_text").pairing == "shuffled_of_top1_seed0"
    assert made.pairings["shuffled_of_top1_seed0"].method == "shuffled"
    assert one(made, "constant_text").pairing is None


def test_controls_take_after_the_pairing_that_they_are_controls_of() -> None:
    made = plan(variants=["random_pairing", "shuffled_text"], seeds=[0], pairing=["top1", "csls", "top5"], audit=[])
    drawn = {row.run.pairing: row.combination["pairing"] for row in made.tables["demo"]}
    assert drawn == {
        "random_seed0": None,  # one report, uniformly: the same for top1 and for csls
        "random_of_top5_seed0": "top5",
        "shuffled_of_top1_seed0": "top1",
        "shuffled_of_csls_seed0": "csls",
        "shuffled_of_top5_seed0": "top5",
    }
    assert {name for name in drawn if made.pairings[name].model_dump()["k"] == 5} == {
        "random_of_top5_seed0",
        "shuffled_of_top5_seed0",
    }
    assert made.pairings["shuffled_of_csls_seed0"].of == made.pairings["csls"]  # type: ignore[union-attr]
    floors = {one.pairs.pairing: one.floor.pairing for one in made.triage["demo"]}
    assert floors == {"top1": "random_seed0", "csls": "random_seed0", "top5": "random_of_top5_seed0"}


def test_variants_without_text_read_none() -> None:
    made = plan(variants=["modules_only", "lora_only", "pseudo_label"], seeds=[0])
    for name in ("modules_only", "lora_only", "pseudo_label"):
        run = one(made, name)
        assert (run.corpus, run.pairing, run.teacher) == (None, None, None)
    assert "lambda" not in one(made, "modules_only").settings
    assert one(made, "pseudo_label").labeller == one(made, "lora_only")


def test_a_rank_is_distilled_by_a_teacher_of_its_own_and_pairs_once() -> None:
    made = plan(variants=["clipit", "rank3"], seeds=[0])
    best, third = one(made, "clipit"), one(made, "rank3")
    assert (best.pairing, third.settings["rank"]) == (third.pairing, 2)
    assert best.teacher is not None
    assert third.teacher is not None
    assert best.teacher.id != third.teacher.id


def test_words_are_removed_from_a_corpus_of_its_own() -> None:
    made = plan(variants=["words_removed_30"], seeds=[0])
    assert one(made, "words_removed_30").corpus == "phantom_reports_words_removed_30"


def test_lists_of_settings_multiply_into_candidates_of_the_variants_that_read_them() -> None:
    made = plan(variants=["lora_only", "clipit"], seeds=[0, 1], training={"lambda": [0.5, 1], "lora": {"r": [2, 4]}})
    rows = [(row.run.variant, row.run.seed, tuple(row.candidate.items())) for row in made.tables["demo"]]
    assert len(rows) == len(set(rows)) == 2 * (2 + 4)
    assert {len(row.candidate) for row in made.tables["demo"] if row.run.variant == "lora_only"} == {1}
    clipit = [row for row in made.tables["demo"] if row.run.variant == "clipit"]
    assert {(row.run.settings["lambda"], row.run.settings["lora"]["r"]) for row in clipit} == {
        (row.candidate["lambda"], row.candidate["lora.r"]) for row in clipit
    }


@pytest.mark.parametrize("protocol", ["corrected", "upstream"])
def test_lists_of_ranks_reach_the_adapters_of_the_text_tower(protocol: str) -> None:
    lora = {"r": [2, 4], "text": True}
    made = plan(variants=["clipit"], seeds=[0], training={"protocol": protocol, "lora": lora})
    rows = {row.candidate["lora.r"]: row.run for row in made.tables["demo"]}
    ranks = {r: (run.settings["text_lora"] or run.teacher.settings["text_lora"])["r"] for r, run in rows.items()}  # type: ignore[union-attr]
    assert ranks == {2: 2, 4: 4}
    assert not any(isinstance(value, list) for run in made.runs.values() for value in run.settings.values())


@pytest.mark.parametrize("protocol", ["corrected", "upstream"])
def test_without_lora_the_text_tower_is_frozen_too(protocol: str) -> None:
    made = plan(variants=["no_lora"], seeds=[0], training={"protocol": protocol, "lora": {"text": True}})
    run = one(made, "no_lora")
    assert run.settings["lora"] is run.settings["text_lora"] is None
    assert run.teacher is not None
    assert run.teacher.settings["text_lora"] is None


def test_a_pseudo_labeller_is_the_lora_only_of_the_same_candidate() -> None:
    made = plan(variants=["lora_only", "pseudo_label"], seeds=[0], training={"lr": [0.1, 0.2]})
    students = {
        (run.settings["lr"], run.variant): run for run in made.runs.values() if "lr" in run.settings and run.labeller
    }
    for (lr, _), run in students.items():
        assert run.labeller is not None
        assert run.labeller.settings["lr"] == lr
    assert len(students) == 2


def test_shares_of_labels_are_rows_and_reach_probe_teacher_and_student() -> None:
    made = plan(variants=["clipit"], seeds=[0], label_fraction=[0.1, 1.0])
    rows = made.tables["demo"]
    assert [row.combination["label_fraction"] for row in rows] == ["0.1", "1.0"]
    few = rows[0].run
    assert few.probe is not None
    assert few.teacher is not None
    assert {few.labels, few.probe.labels, few.teacher.labels} == {0.1}
    assert few.id != rows[1].run.id


def test_text_adapters_train_with_the_teacher_or_with_the_student() -> None:
    adapted = {"lora": {"text": True}}
    corrected = one(plan(variants=["clipit"], seeds=[0], training=adapted), "clipit")
    upstream = one(plan(variants=["clipit"], seeds=[0], training=adapted | {"protocol": "upstream"}), "clipit")
    assert corrected.teacher is not None
    assert upstream.teacher is not None
    assert (corrected.teacher.variant, corrected.settings["text_lora"]) == ("text_teacher", None)
    assert (upstream.teacher.variant, upstream.settings["text_lora"]["r"]) == ("teacher", 16)
    made = plan(variants=["lora_only", "image_distillation"], seeds=[0], training=adapted)
    assert {run.variant for run in made.runs.values()} >= {"teacher"}, "an image's embedding has no text tower to adapt"


def test_a_frozen_backbone_trains_from_features_of_the_images_as_they_are() -> None:
    made = plan(variants=["no_lora"], seeds=[0])
    assert (one(made, "no_lora").settings["lora"], one(made, "no_lora").settings["augment"]) == (None, "none")


def test_two_ways_of_reading_reports_share_what_the_image_tower_alone_decides() -> None:
    made = plan(retriever=["phantom_clip", "phantom_clip_late"], variants=["image_distillation", "clipit"], seeds=[0])
    ids = {
        name: {row.run.id for row in made.tables["demo"] if row.run.variant == name}
        for name in ("image_distillation", "clipit")
    }
    assert {name: len(found) for name, found in ids.items()} == {"image_distillation": 1, "clipit": 2}
