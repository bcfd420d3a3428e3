"""From flags to a configuration: the released defaults, one key a flag, and what is refused."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from clipit.config.load import load_config
from clipit.config.training import RELEASED
from clipit.fuser.flags import Flags, meanings
from clipit.fuser.translate import configuration, without_effect
from clipit.runtime.errors import UserError

CATALOG = Path(__file__).parents[2] / "config" / "catalog.yaml"
ENTRIES = yaml.safe_load(CATALOG.read_text())


def translated(**flags: Any) -> dict[str, Any]:
    raw = configuration(Flags(**flags), {}, ENTRIES)
    load_config(raw, CATALOG)  # is accepted
    return raw


def experiment(**flags: Any) -> dict[str, Any]:
    (only,) = translated(**flags)["experiments"].values()
    return only


def refused(**flags: Any) -> str:
    with pytest.raises(UserError) as caught:
        translated(**flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """The leaves of a configuration by their dotted keys; `*` stands for the experiment's name."""
    if not isinstance(value, Mapping):
        return {path: value}
    leaves: dict[str, Any] = {}
    for key, each in value.items():
        leaves |= flat(each, "experiments.*" if path == "experiments" else f"{path}.{key}".lstrip("."))
    return leaves


def changed(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    below, above = flat(below), flat(above)
    assert not below.keys() - above.keys()
    return {key: value for key, value in above.items() if key not in below or below[key] != value}


def test_the_defaults_are_the_released_ones():
    training = experiment(ds="crc")["training"]
    assert {key: training[key] for key in RELEASED if key not in ("steps", "lora")} == {
        key: value for key, value in RELEASED.items() if key not in ("steps", "lora")
    }
    assert training["lora"] == {"r": 16, "alpha": 8, "dropout": 0, "text": True, "vision": True, "linear": True}
    assert (training["lr"], training["weight_decay"], training["clip"], training["lambda"]) == (1e-3, 1e-4, 0.5, 1)
    assert "patience" not in training
    assert (training["schedule"], training["schedule_steps"], training["schedule_unit"]) == (
        "constant",
        12_500,
        "epoch",
    )


def test_the_readme_s_command():
    made = experiment(ds="pcam", model="UNI", lora_r=16, lora_alpha=4)
    assert made["backbone"] == "uni"
    assert made["variants"] == ["linear_probe", "clipit"]
    assert made["training"]["protocol"] == "upstream"
    assert made["training"]["lora"]["alpha"] == 4


LORA, TRAINING = "experiments.*.training.lora", "experiments.*.training"
# Every flag that sets a key: another value than the default, and all keys that change.
SETS: dict[str, tuple[Any, dict[str, Any]]] = {
    "model": ("VITS_8", {"experiments.*.backbone": "kaiko_vits8"}),
    "sd": ([1, 2], {"experiments.*.seeds": [1, 2]}),
    "batch": (32, {f"{TRAINING}.batch": 32}),
    "lr": (0.01, {f"{TRAINING}.lr": 0.01}),
    "weight_decay": (0.0, {f"{TRAINING}.weight_decay": 0.0}),
    "clip": (1.0, {f"{TRAINING}.clip": 1.0}),
    "lam": (0.5, {f"{TRAINING}.lambda": 0.5}),
    "ep": (3, {f"{TRAINING}.epochs": 3, f"{TRAINING}.validations": 30}),
    "scheduler": (1, {f"{TRAINING}.schedule": "cosine"}),
    "lora_r": (4, {f"{LORA}.r": 4}),
    "lora_alpha": (4, {f"{LORA}.alpha": 4}),
    "lora_dropout": (0.1, {f"{LORA}.dropout": 0.1}),
    "lora_text": (0, {f"{LORA}.text": False}),
    "lora_vision": (0, {f"{LORA}.vision": False}),
    "no_lin": (True, {f"{LORA}.linear": False}),
    "monitor": ("val_acc", {f"{TRAINING}.monitor": "val_balanced_accuracy"}),
    "val_int": (0.5, {f"{TRAINING}.validations": 2}),
    "early": (True, {f"{TRAINING}.patience": 5, f"{TRAINING}.delta": 5.0}),
    "dir": ("elsewhere", {"results": "elsewhere"}),
    "corpus": ("tcga_reports_breast", {"experiments.*.corpus": "tcga_reports_breast"}),
    "retriever": ("quiltnet", {"experiments.*.retriever": "quiltnet"}),
    "pairing": ("csls", {"experiments.*.pairing": "csls"}),
    "control": (True, {"experiments.*.variants": ["linear_probe", "lora_only", "clipit"]}),
    "protocol": (
        "corrected",
        {
            f"{TRAINING}.protocol": "corrected",
            "experiments.*.corpus": "tcga_breast",
            f"{TRAINING}.monitor": "val_ce",
            **{f"{TRAINING}.{where}schedule_steps": None for where in ("", "teacher.")},
            **{f"{TRAINING}.{where}schedule_unit": "step" for where in ("", "teacher.")},
        },
    ),
    "accept_licence": (
        ["conch", "bach"],
        {"retrievers.conch.accept_licence": True, "datasets.bach.accept_licence": True},
    ),
}
# The others, each with a test of its own in this folder.
APART = {
    *("ds", "patience", "delta", "output", "run", "mod", "learner", "kd_layers", "chkpnt", "log", "worker"),
    *("wandb", "config", "cores", "dry_run", "print_config"),
}


def test_every_flag_is_tested():
    assert SETS.keys() | APART == {each.name for each in fields(Flags)}


@pytest.mark.parametrize("flag", SETS)
def test_a_flag_changes_its_keys_and_no_other(flag: str):
    value, keys = SETS[flag]
    assert changed(translated(), translated(**{flag: value})) == keys
    for each, meaning in meanings():
        if each.name == flag:
            assert meaning.key in keys


@pytest.mark.parametrize("flag", ["lora_r", "lora_alpha", "lora_dropout"])
def test_adapters_that_are_nowhere_have_no_rank(flag: str):
    with pytest.raises(UserError, match=f"--{flag.replace('_', '-')} says nothing with --lora-vision 0 --lora-text 0"):
        translated(lora_vision=0, lora_text=0, **{flag: 0.1 if flag == "lora_dropout" else 4})
    assert experiment(lora_vision=0, lora_text=0)["training"]["lora"]["vision"] is False


@pytest.mark.parametrize("flag", ["patience", "delta"])
def test_patience_and_delta_of_early_stopping(flag: str):
    keys = changed(translated(early=True), translated(early=True, **{flag: 0.5 if flag == "delta" else 2}))
    assert keys == {f"{TRAINING}.{flag}": 0.5 if flag == "delta" else 2}


@pytest.mark.parametrize(
    ("ds", "corpus", "augment", "teacher", "batch", "lr"),
    [
        ("pcam", "tcga_breast_upstream", "flips_colour", 5, 4096, 0.01),
        ("bach", "tcga_breast", "none", 100, 256, 0.000625),
        ("crc", "tcga_colon", "none", 10, 4096, 0.01),
    ],
)
def test_what_goes_with_a_data_set(ds: str, corpus: str, augment: str, teacher: int, batch: int, lr: float):
    made = experiment(ds=ds)
    training = made["training"]
    assert (made["corpus"], training["augment"], training["teacher"]["epochs"]) == (corpus, augment, teacher)
    assert (training["probe"]["steps"], training["probe"]["batch"], training["probe"]["lr"]) == (12_500, batch, lr)


def test_bach_has_the_split_of_its_protocol():
    assert load_config(translated(ds="bach"), CATALOG).datasets["bach"].split == "released"
    assert load_config(translated(ds="bach", protocol="corrected"), CATALOG).datasets["bach"].split == "fair"
    own = {"datasets": {"bach": {"split": "fair"}}}
    assert configuration(Flags(ds="bach"), own, ENTRIES)["datasets"] == own["datasets"]


def test_the_phantom_takes_its_own_names():
    made = experiment(ds="phantom", corpus="phantom_reports", retriever="phantom_clip", model="phantom_resnet")
    assert (made["dataset"], made["backbone"]) == ("phantom", "phantom_resnet")
    assert made["training"]["augment"] == "none"


def test_own_entries_are_known_and_kept():
    own = {"corpora": {"mine": {"source": "text", "path": "mine.txt"}}, "results": "there"}
    raw = configuration(Flags(corpus="mine"), own, ENTRIES)
    assert (raw["corpora"], raw["results"]) == (own["corpora"], "there")
    assert configuration(Flags(corpus="mine", dir="here"), own, ENTRIES)["results"] == "here"
    with pytest.raises(UserError, match="leave experiments out"):
        configuration(Flags(), {"experiments": {}}, ENTRIES)


def test_an_accepted_licence_stays_with_the_user_s_entry():
    own = {"retrievers": {"conch": {"batch": 8}}}
    raw = configuration(Flags(accept_licence=["conch"]), own, ENTRIES)
    assert raw["retrievers"]["conch"] == {"batch": 8, "accept_licence": True}


def test_names_of_tables():
    def name(**flags: Any) -> str:
        return next(iter(translated(**flags)["experiments"]))

    assert name() == name() == name(accept_licence=["uni"])
    assert name().startswith("pcam_uni_")
    assert name() != name(lora_r=4)
    assert name(output="mine", lora_r=4) == "mine"
    assert name(output="mine", run="run2") == "mine_run2"
    assert name(run="run2").startswith("pcam_uni_run2_")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"mod": "max"}, "--mod max contradicts --monitor val_loss"),
        ({"monitor": "val_acc", "mod": "min"}, "--mod min contradicts --monitor val_acc"),
        ({"monitor": "val_los"}, "--monitor val_los is unknown, did you mean 'val_loss'?"),
        ({"monitor": "val_auc", "mod": "min"}, "--mod min contradicts --monitor val_auc"),
        ({"patience": 3}, "--patience 3 without --early: add --early"),
        ({"delta": 0.1}, "--delta 0.1 without --early: add --early"),
        ({"val_int": 0.0}, "--val-int 0 is no fraction of an epoch"),
        ({"val_int": 500.0}, "--val-int 500 is no fraction of an epoch"),
        ({"model": "UNY"}, "--model UNY is unknown, did you mean 'UNI'?"),
        ({"ds": "pcm"}, "--ds pcm is unknown, did you mean 'pcam'?"),
        ({"ds": "phantom"}, "--ds phantom: name the reports that go with it: add --corpus NAME"),
        ({"corpus": "tcga_brest"}, "--corpus tcga_brest is unknown, did you mean 'tcga_breast'?"),
        ({"retriever": "konch"}, "--retriever konch is unknown, did you mean 'conch'?"),
        ({"pairing": "top"}, "--pairing top is unknown, did you mean 'top"),
        ({"accept_licence": ["conhc"]}, "--accept-licence conhc is unknown, did you mean 'conch'?"),
        ({"learner": "late_fuson"}, "--learner late_fuson is unknown, did you mean 'late_fusion'?"),
        ({"kd_layers": 2}, "--kd-layers 2: the released script does nothing with it"),
        ({"output": "My run"}, "'My run' is no name"),
        ({"lr": -1.0}, "training.lr = -1.0: input should be greater than 0"),
    ],
)
def test_what_is_refused(flags: dict[str, Any], said: str):
    assert said in refused(**flags)


@pytest.mark.parametrize(
    ("monitor", "mod", "column"),
    [("val_loss", "min", "val_loss"), ("val_ce", "min", "val_ce"), ("val_auc", "max", "val_auroc")],
)
def test_a_mode_that_agrees_is_accepted(monitor: str, mod: Any, column: str):
    assert experiment(monitor=monitor, mod=mod)["training"]["monitor"] == column


@pytest.mark.parametrize(("ep", "val_int", "n"), [(1, 0.1, 10), (5, 0.25, 20), (1, 1, 1), (0.1, 1, 1), (1, 0.3, 3)])
def test_validations(ep: float, val_int: float, n: int):
    assert experiment(ep=ep, val_int=val_int)["training"]["validations"] == n


def test_flags_without_effect_say_so_and_change_nothing():
    flags = Flags(worker=4, log=10, chkpnt=True, learner="late_fusion")
    assert configuration(flags, {}, ENTRIES) == translated()
    assert [line.split()[0] for line in without_effect(flags)] == ["--worker", "--log", "--chkpnt"]
    assert list(without_effect(replace(flags, worker=None, log=None, chkpnt=False))) == []
