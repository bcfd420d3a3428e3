"""`clipit train-fuser` on the command line: spellings, errors, files, and what snakemake is asked for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.pipeline.conftest import copy_project
from typer.testing import CliRunner

from clipit.cli import app
from clipit.fuser.document import table
from clipit.fuser.flags import Flags, meanings

PROJECT = Path(__file__).parents[2]
PHANTOM = (
    *("--ds", "phantom", "--corpus", "phantom_reports"),
    *("--retriever", "phantom_clip", "--model", "phantom_resnet"),
)
# The flags as the README of the released code has them, and the further ones of its script.
RELEASED_FLAGS = {
    *("model", "ds", "run", "dir", "output", "batch", "lr", "ep", "worker", "val-int", "clip", "weight-decay"),
    *("scheduler", "lora-r", "lora-alpha", "lora-dropout", "lora-text", "lora-vision", "no-lin", "monitor", "mod"),
    *("patience", "early", "log", "wandb", "chkpnt", "sd", "delta", "learner", "kd-layers", "lam"),
}


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    shutil.copytree(PROJECT / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    return tmp_path


@pytest.fixture
def asked(project, monkeypatch) -> list[dict[str, Any]]:
    """What snakemake is asked for, in place of running it."""
    calls: list[dict[str, Any]] = []

    def fake(targets, configfiles, cores, **more):
        calls.append({"targets": targets, "configfiles": configfiles, "cores": cores, **more})
        return 7

    monkeypatch.setattr("clipit.fuser.run.run_snakemake", fake)
    return calls


def train_fuser(*arguments: str):
    return CliRunner().invoke(app, ["train-fuser", *arguments], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})


def test_no_flag_of_the_released_script_is_missing():
    assert {each.name.replace("_", "-") for each, _ in meanings()} == RELEASED_FLAGS


def test_the_defaults_in_the_table_are_the_command_s():
    for each, meaning in meanings():
        if each.default not in (None, False) and each.name != "sd":
            wanted = type(each.default)(meaning.released) if not isinstance(each.default, str) else meaning.released
            assert each.default == wanted, each.name
    assert Flags().sd == [0]


def test_help_groups_the_flags():
    said = train_fuser("--help").output
    for flag in RELEASED_FLAGS:
        assert re.search(rf"^│ --{flag} ", said, re.MULTILINE), flag
    for panel in ("Training", "LoRA", "Choice of the weights", "Not in the released script"):
        assert f"─ {panel} ─" in said
    assert "clipit train-fuser --ds pcam --model UNI --lora_r 16 --lora_alpha 4" in said


def test_both_spellings_are_the_same(project):
    flags = ("val-int", "weight-decay", "lora-r", "lora-alpha", "lora-dropout", "lora-text", "lora-vision", "kd-layers")
    values = {
        **dict(zip(flags, ("0.5", "0.1", "4", "2", "0.1", "0", "1", "1"), strict=True)),
        "accept-licence": "conch",
    }
    hyphens = [part for flag, value in values.items() for part in (f"--{flag}", value)]
    underscores = [part for flag, value in values.items() for part in (f"--{flag.replace('-', '_')}", value)]
    one = train_fuser("--print-config", *hyphens)
    other = train_fuser("--print_config", *underscores)
    assert one.exit_code == other.exit_code == 0
    assert one.stdout == other.stdout != train_fuser("--print-config").stdout
    ((_, made),) = yaml.safe_load(one.stdout)["experiments"].items()
    assert (made["training"]["lora"]["r"], made["training"]["validations"]) == (4, 2)
    assert list(project.iterdir()) == [project / "config"]  # printed, not kept


@pytest.mark.parametrize(
    ("flag", "near"), [("--lora_rank", "--lora-r"), ("--wieght-decay", "--weight-decay"), ("--epoch", "--ep")]
)
def test_an_unknown_flag_is_answered_by_the_nearest(project, flag, near):
    said = train_fuser(flag, "4")
    assert said.exit_code == 2
    (line,) = (line for line in said.stderr.splitlines() if "No such option" in line)
    assert flag.replace("_", "-") in line
    assert near in line.partition("ossible options")[2] or f"Did you mean {near}" in line


def test_a_contradiction_is_one_line(asked):
    said = train_fuser("--monitor", "val_loss", "--mod", "max", *PHANTOM)
    assert said.exit_code == 2
    assert said.stderr == "clipit: --mod max contradicts --monitor val_loss: of that, min is best: leave --mod out\n"
    assert asked == []


def test_terms_are_accepted_by_flags(asked):
    said = train_fuser("--ds", "bach", "--model", "VITS_16")
    assert said.exit_code == 2
    assert len(said.stderr.splitlines()) == 1
    flags = said.stderr.partition("to accept that, add ")[2].split()
    assert flags[1::2] == ["bach", "tcga_breast", "conch", "kaiko_vits16"]
    assert train_fuser("--ds", "bach", "--model", "VITS_16", *flags).exit_code == 7
    assert train_fuser("--ds", "bach", "--model", "VITS_16", "-n").exit_code == 7
    assert [call["dry_run"] for call in asked] == [False, True]


def test_the_configuration_is_kept_and_run(asked, project):
    said = train_fuser(*PHANTOM, "--output", "mine", "--dir", "there", "--cores", "2", "--worker", "4", "--lora_r", "4")
    assert said.exit_code == 7  # snakemake's
    assert said.stderr.startswith("clipit: --worker has no effect")
    (call,) = asked
    assert (call["targets"], call["cores"], call["environment"]) == (["there/tables/mine.json"], 2, {})
    (file,) = call["configfiles"]
    assert file == Path("there/fuser/mine.yaml")
    assert yaml.safe_load(file.read_text())["experiments"]["mine"]["training"]["lora"]["r"] == 4


def test_own_entries_come_from_files(asked, project):
    (project / "mine.yaml").write_text("corpora: {mine: {source: text, path: none.txt}}\n")
    (project / "more.yaml").write_text("corpora: {mine: {path: reports.txt}}\n")
    assert train_fuser(*PHANTOM, "--corpus", "mine", "--config", "mine.yaml", "--config", "more.yaml").exit_code == 7
    made = yaml.safe_load(asked[0]["configfiles"][0].read_text())
    assert made["corpora"] == {"mine": {"source": "text", "path": "reports.txt"}}


def test_weights_and_biases(asked, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert train_fuser(*PHANTOM, "--wandb").exit_code == 7
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    assert train_fuser(*PHANTOM, "--wandb").exit_code == 7
    assert [call["environment"]["WANDB_PROJECT"] for call in asked] == ["phantom_phantom_resnet", "mine"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = train_fuser(*PHANTOM, "--wandb")
    assert (said.exit_code, len(asked)) == (2, 2)
    assert "which is not installed: pip install wandb" in said.stderr


def test_the_documentation_has_the_table():
    page = (PROJECT / "docs" / "train_fuser.md").read_text()
    assert table() in page, "put what `python -m clipit.fuser.document` prints into docs/train_fuser.md"


def test_a_dry_run_plans_the_phantom(tmp_path):
    folder = copy_project(tmp_path / "project").folder
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "XDG_CACHE_HOME": str(folder / ".cache")}
    command = [sys.executable, "-m", "clipit.cli", "train-fuser", *PHANTOM, "-n", "--control", "--sd", "0", "--sd", "1"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    jobs = dict(re.findall(r"^(\w+)\s+(\d+)$", done.stdout + done.stderr, flags=re.MULTILINE))
    wanted = {"train_probe": 2, "train_teacher": 2, "train_student": 4, "evaluate": 6, "compare": 1}
    assert {rule: int(jobs[rule]) for rule in wanted} == wanted
    assert {"train_backbone", "train_retriever", "pair", "extract_features"} <= jobs.keys()
    assert "report" not in jobs
