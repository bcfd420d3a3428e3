"""The two protocols' defaults, and what of the settings is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clipit.config.load import load_config
from clipit.config.training import Training
from clipit.runtime.errors import UserError

PROJECT = Path(__file__).parents[2]


def load(**experiment: Any) -> None:
    raw = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    raw["experiments"]["demo"] |= {"audit": []} | experiment
    load_config(raw, PROJECT / "config" / "catalog.yaml")


def test_upstream_has_the_released_script_s_defaults() -> None:
    # Facts of the released code: its stage-3 defaults, then stage 2, then the baseline's.
    made = Training.model_validate({"protocol": "upstream"})
    assert (made.epochs, made.steps, made.batch, made.lr, made.weight_decay, made.clip) == (
        1,
        None,
        64,
        1e-3,
        1e-4,
        0.5,
    )
    assert (made.optimiser, made.schedule, made.monitor, made.validations) == ("adam", "constant", "val_loss", 10)
    assert (made.lora.r, made.lora.alpha, made.lora.dropout, made.lambda_) == (16, 8, 0, 1)
    assert (made.lora.vision, made.lora.text, made.patience, made.augment) == (True, True, None, "none")
    teacher, probe = made.teacher, made.probe
    assert (teacher.optimiser, teacher.lr, teacher.weight_decay, teacher.batch) == ("adam", 1e-3, 1e-4, 64)
    assert (teacher.schedule, teacher.schedule_steps, teacher.lr_end, teacher.select) == (
        "cosine",
        12_500,
        1e-4,
        "balanced_accuracy",
    )
    assert (probe.optimiser, probe.steps, probe.weight_decay, probe.schedule) == ("sgd", 12_500, 0.0, "cosine")


def test_what_is_asked_for_wins_over_a_protocol_s_default() -> None:
    made = Training.model_validate({"protocol": "upstream", "steps": 7, "lora": {"r": 4}, "probe": {"epochs": 3}})
    assert (made.steps, made.epochs) == (7, None)
    assert (made.lora.r, made.lora.alpha) == (4, 8)
    assert (made.probe.epochs, made.probe.steps) == (3, None)


def test_epochs_replace_the_default_of_steps() -> None:
    assert (Training().steps, Training.model_validate({"epochs": 3}).steps) == (150, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"steps": 3, "epochs": 2}}, "steps and epochs are both given"),
        ({"training": {"steps": None}}, "neither steps nor epochs"),
        ({"training": {"teacher": {"epochs": None}}}, "neither steps nor epochs"),
        ({"training": {"kd_target": "centred", "lora": {"text": True}}}, "set lora.text: false"),
        ({"training": {"lr": [0.1, 0.1]}}, "names a value twice"),
        ({"training": {"lr": []}}, "lr"),
        ({"training": {"augment": "dihedrall"}}, "did you mean 'dihedral'"),
        ({"training": {"lambdda": 1}}, "did you mean 'lambda'"),
        ({"label_fraction": 1.5}, "label_fraction"),
        ({"variants": []}, "variants"),
        ({"dataset": []}, "dataset"),
        ({"dataset": "phantom_source"}, "captions and no labels"),
        ({"variants": ["contrastive"]}, "has no text tower"),
        ({"dataset": "crc", "variants": ["oracle_pairing"]}, "which only the phantom"),
        ({"dataset": "crc", "audit": ["oracle"]}, "which only the phantom"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        load(**changes)
    assert "\n" not in str(refused.value)


def test_no_experiment_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="experiments"):
        load_config({"experiments": {}}, PROJECT / "config" / "catalog.yaml")
