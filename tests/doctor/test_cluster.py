"""SLURM's commands, each a few lines in a folder of its own."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from clipit.doctor.cluster import slurm
from clipit.doctor.finding import Finding


def asked(folder: Path, commands: dict[str, str], plugin: str | None = "2.8.0", timeout: float = 5.0) -> Finding:
    for name, script in commands.items():
        (folder / name).write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return slurm(plugin, partial(shutil.which, path=str(folder)), timeout)


def test_no_cluster_is_no_trouble(tmp_path: Path) -> None:
    found = asked(tmp_path, {}, plugin=None)
    assert (found.status, found.detail) == ("PASS", "none here (no `sbatch`): jobs run on this machine")


def test_a_controller_that_answers_passes(tmp_path: Path) -> None:
    sinfo = 'test "$*" = "--noheader --format=%R %a" && printf "short up\\nold down\\ngpu up\\n"'
    found = asked(tmp_path, {"sbatch": "", "sinfo": sinfo})
    assert (found.status, found.detail) == ("PASS", "SLURM answers, partitions: short, gpu")


@pytest.mark.parametrize(
    ("sinfo", "said"),
    [
        ("echo 'slurm_load_partitions: Unable to contact' >&2; exit 1", "(slurm_load_partitions: Unable to contact)"),
        ("exit 3", "(status 3)"),
        ("echo old down", "no partition that is up"),
        ("#!/no/such/shell", "`sinfo` cannot be run (No such file or directory)"),
        ("exec sleep 60", "does not answer within 0.3 s"),
    ],
)
def test_one_that_does_not_is_a_warning(tmp_path: Path, sinfo: str, said: str) -> None:
    found = asked(tmp_path, {"sbatch": "", "sinfo": sinfo}, timeout=0.3 if "sleep" in sinfo else 5)
    assert found.status == "WARN"
    assert said in found.detail
    assert found.remedy.endswith("jobs still run on this machine, without a cluster's profile")


def test_a_cluster_without_its_commands_or_snakemake_s_executor_is_a_warning(tmp_path: Path) -> None:
    assert "no `sinfo` to ask" in asked(tmp_path, {"sbatch": ""}).detail
    assert asked(tmp_path, {"sbatch": ""}, plugin=None).remedy == "run `make -B install`"
