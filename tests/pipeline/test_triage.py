"""`clipit triage` through the real chain, on tiny own data."""

import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from tests.pipeline.conftest import OWN, Project
from tests.pipeline.own_data import CLASSES

pytestmark = pytest.mark.xdist_group("chain")

FILES = [f"results/triage/{experiment}.json" for experiment in ("own_data", "trained")]


def clipit_triage(project: Project) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": str(project.folder / "src"),
        "XDG_CACHE_HOME": str(project.folder / ".cache"),
    }
    command = [sys.executable, "-m", "clipit.cli", "triage", OWN[0], "--config", OWN[1], "--cores", "2"]
    return subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)


def test_triage_judges_every_experiment_from_what_the_chain_has_made(edited: Project) -> None:
    jobs = edited.would_run(*FILES)
    # The teacher on random reports, of the experiment that does not train on them.
    assert (jobs["triage"], jobs["pair"], jobs["train_teacher"]) == (2, 1, 1)
    assert not {"embed_images", "embed_reports", "train_student", "extract_features"} & set(jobs)

    lock = edited.folder / ".snakemake/clipit.lock"
    lock.unlink()
    done = clipit_triage(edited)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    assert json.loads(lock.read_text())["local"], "whose lock it was is known, should it be left"
    assert "triage [" in done.stderr
    said = " ".join(done.stdout.split())
    for experiment, file in zip(("own_data", "trained"), FILES, strict=True):
        document = json.loads((edited.folder / file).read_text())
        (context,) = document["contexts"]
        assert (context["n_train"], context["n_val"], context["n_groups"]) == (24, 48, 12)
        assert context["classes"] == sorted(CLASSES)
        (pairing,) = context["pairings"]
        assert len(pairing["reasons"]) >= 7
        assert f"Triage of {experiment}" in said
        assert f"top1: {pairing['verdict']}." in said
        assert document["worth"] == pairing["worth"]
    assert edited.would_run(*FILES) == {}
    assert edited.would_run() == {}


def test_the_teacher_tells_of_val_patches_alone(chain: Project) -> None:
    files = list((chain.folder / "results/runs/my_images").glob("*/teacher/*/seed0/predictions.parquet"))
    assert len(files) == 5
    for file in files:
        assert set(pq.read_table(file).column("split").to_pylist()) == {"val"}
