"""A small pipeline through the shipped profile on a SLURM that really runs."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tests.pipeline.conftest import PROJECT, Project
from tests.pipeline.tiny import CONFIGFILES, tiny_project

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900), pytest.mark.usefixtures("cluster")]

PROFILE = ("--workflow-profile", "profiles/slurm", "--configfile", *CONFIGFILES)
SOON = ("--slurm-init-seconds-before-status-checks", "2")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return tiny_project(tmp_path_factory.mktemp("project"))


def snakemake(project: Project, *arguments: str) -> "subprocess.Popen[str]":
    environment = os.environ | {
        "PYTHONPATH": str(project.folder / "src"),
        "XDG_CACHE_HOME": str(project.folder / ".cache"),
    }
    command = [sys.executable, "-m", "snakemake", *arguments, *PROFILE, *SOON]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=project.folder, env=environment, text=True, **pipes)


def queued() -> int:
    listed = subprocess.run(["squeue", "--noheader"], capture_output=True, text=True, check=True)
    return len(listed.stdout.splitlines())


def test_a_run_that_is_interrupted_cancels_its_jobs_and_is_resumed_to_the_end(project: Project) -> None:
    first = snakemake(project)
    deadline = time.monotonic() + 120
    while queued() == 0:
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.5)
    first.send_signal(signal.SIGINT)
    out, _ = first.communicate(timeout=120)
    assert first.returncode != 0, out
    deadline = time.monotonic() + 60
    while queued():
        assert time.monotonic() < deadline, "jobs were left in the queue"
        time.sleep(0.5)

    second = snakemake(project)
    out, _ = second.communicate(timeout=800)
    assert second.returncode == 0, out[-5000:]
    assert (project.folder / "results/tables/own_data.csv").is_file()
    assert (project.folder / "results/report/index.html").is_file()
    assert re.search(r"\[\d+/\d+ · .* left\] +train_student", out), out


def test_short_jobs_go_as_one(project: Project) -> None:
    logs = "".join(log.read_text() for log in (project.folder / ".snakemake/log").iterdir())
    submitted = set(re.findall(r"submitted with SLURM jobid (\d+) \(log: \S*/group_short_", logs))
    evaluated = list((project.folder / "results/runs").rglob("metrics.json"))
    assert len(evaluated) == 4
    assert 0 < len(submitted) < 4


def test_another_profile_reruns_nothing(project: Project) -> None:
    assert project.would_run(configfile=CONFIGFILES) == {}


def test_a_job_that_fails_is_tried_again_with_more_memory_and_says_what_it_lacked(
    project: Project, tmp_path: Path
) -> None:
    broken = project.copied_to(tmp_path / "project")
    (broken.folder / "results/corpora/my_reports/reports.parquet").write_text("broken")
    run = snakemake(broken)
    out, _ = run.communicate(timeout=600)
    assert run.returncode != 0
    tried = subprocess.run(
        ["squeue", "--states=all", "--noheader", "--format=%m %Z"], capture_output=True, text=True, check=True
    )
    memory = sorted(line.split()[0] for line in tried.stdout.splitlines() if line.split()[1] == str(broken.folder))
    assert memory == ["16000M", "24000M", "8000M"]
    assert out.count("embed_reports failed: Embedding my_reports by my_retriever") == 1
    assert "    clipit: results/corpora/my_reports/reports.parquet" in out
    assert (
        "repeat  snakemake results/embeddings/my_retriever/my_reports.parquet --workflow-profile profiles/slurm" in out
    )


def test_the_profile_repeats_what_the_default_one_says_of_every_run() -> None:
    default, slurm = (
        yaml.safe_load((PROJECT / f"profiles/{name}/config.yaml").read_text()) for name in ("default", "slurm")
    )
    local = {"cores", "resources"}
    assert {key: slurm.get(key) for key in default.keys() - local} == {
        key: default[key] for key in default.keys() - local
    }
