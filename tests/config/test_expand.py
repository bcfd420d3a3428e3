"""Experiments become runs: lists multiply, shared runs are trained once, a run's id covers what it reads."""

from pathlib import Path
from typing import Any

import yaml

from clipit.config.expand import Plan, Run, expand
from clipit.config.experiment import Training
from clipit.config.load import load_config

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
