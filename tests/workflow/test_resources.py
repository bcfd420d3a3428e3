import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import clipit
from clipit.runtime import cards
from clipit.runtime.errors import UserError
from clipit.workflow import resources

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def machine(monkeypatch):
    """Makes a machine with or without a GPU, whatever this one has."""

    def make(gpu: bool, visible: str | None = None) -> None:
        monkeypatch.setattr(cards, "_cards_present", lambda: int(gpu))
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return make


@pytest.mark.parametrize(
    ("gpu", "visible", "expected"),
    [(True, None, "cuda"), (True, "0,1", "cuda"), (True, "", "cpu"), (True, "-1", "cpu"), (False, None, "cpu")],
)
def test_auto_takes_a_gpu_where_one_is_visible(machine, gpu, visible, expected):
    machine(gpu, visible)
    assert resources.resolve_device("auto") == expected
    assert resources.gpus("auto") == (expected == "cuda")


def test_cpu_is_always_there(machine):
    machine(gpu=True)
    assert resources.resolve_device("cpu") == "cpu"
    assert resources.gpus("cpu") == 0


def test_cuda_without_a_gpu_is_refused(machine, monkeypatch):
    machine(gpu=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="no GPU is visible"):
        resources.resolve_device("cuda")


def test_a_cluster_may_have_the_gpu_that_this_machine_has_not(machine, monkeypatch, tmp_path):
    machine(gpu=False)
    (tmp_path / "sbatch").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert resources.resolve_device("cuda") == "cuda"


def test_jobs_are_told_what_auto_came_to(machine, monkeypatch):
    machine(gpu=True)
    monkeypatch.setenv(resources.CHOSEN, "cpu")
    assert resources.resolve_device("auto") == "cpu"


def test_an_unknown_device_is_named(machine):
    machine(gpu=True)
    with pytest.raises(UserError, match="'gpu' is unknown: write one of auto, cpu, cuda"):
        resources.resolve_device("gpu")


def test_torch_stays_out():
    code = "import sys; import clipit.workflow.resources as r; r.gpus('auto'); assert 'torch' not in sys.modules"
    source = str(Path(clipit.__file__).parents[1])
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30, env={**os.environ, "PYTHONPATH": source})


def test_the_cluster_s_profile_lists_every_rule_that_asks_for_a_gpu() -> None:
    rules = (rule for file in (PROJECT / "rules").glob("*.smk") for rule in file.read_text().split("\nrule ")[1:])
    asking = {rule.partition(":")[0] for rule in rules if "        gpu=" in rule}
    profile = (PROJECT / "profiles" / "slurm" / "config.yaml").read_text()
    assert set(re.findall(r"^#   (\w+): \{slurm_partition: gpu\}", profile, re.MULTILINE)) == asking


@pytest.mark.parametrize(("asked", "taken"), [(1, 2), (2, 2), (0, 0)])
def test_a_shared_training_sees_a_card_for_each_process_whatever_snakemake_leaves_of_its_request(
    monkeypatch: pytest.MonkeyPatch, asked: int, taken: int
) -> None:
    seen: list[int] = []

    def job(*_: object, gpus: int) -> None:
        seen.append(gpus)
        raise StopIteration

    monkeypatch.setattr("clipit.runtime.job.job", job)
    rule = SimpleNamespace(
        wildcards=SimpleNamespace(variant="clipit", seed="0"),
        log=["log"],
        params=SimpleNamespace(threads=1, processes=2),
        resources=SimpleNamespace(gpu=asked),
    )
    with pytest.raises(StopIteration):
        runpy.run_path(str(PROJECT / "workflow/scripts/train_student.py"), {"snakemake": rule})
    assert seen == [taken]
