"""`clipit predict` and `clipit export` on a model that the real chain trained."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.pipeline.conftest import OWN, Project

pytestmark = pytest.mark.xdist_group("chain")


def clipit(project: Project, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(project.folder / "src")}
    command = [sys.executable, "-m", "clipit.cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return done


def by_patch(path: Path, columns: list[str] | None = None) -> dict[str, np.ndarray]:
    rows = pq.read_table(path).to_pylist()
    if columns is None:
        return {row["patch_id"]: np.array(row["prob"]) for row in rows}
    return {row["patch"]: np.array([row[name] for name in columns]) for row in rows}


def test_predict_says_what_the_pipeline_said(chain: Project, tmp_path: Path) -> None:
    (run,) = (chain.folder / "results/runs/my_images/my_backbone/clipit").glob("*/seed0")
    expected = by_patch(run / "predictions.parquet")
    store = "results/patches/my_images/patches.zarr"

    clipit(chain, "predict", run, store, "--out", tmp_path / "run.parquet", "--threads", "1")
    columns = [name for name in pq.read_schema(tmp_path / "run.parquet").names if name.startswith("p_")]
    said = by_patch(tmp_path / "run.parquet", columns)
    assert len(expected) > 20
    assert said.keys() > expected.keys(), "train patches too"
    for patch, probabilities in expected.items():
        assert said[patch] == pytest.approx(probabilities, abs=1e-5)

    done = clipit(
        chain, "export", run, "--to", "onnx", "--out", tmp_path / "out", "--config", OWN[0], "--config", OWN[1]
    )
    assert "random and 16 stored patches" in done.stdout
    card = (tmp_path / "out/README.md").read_text()
    assert "| images and labels | my_images | not stated |" in card
    assert "| reports | my_reports | not stated |" in card
    assert "| balanced accuracy | " in card
    clipit(chain, "predict", tmp_path / "out", store, "--out", tmp_path / "onnx.parquet", "--threads", "1")
    for patch, probabilities in by_patch(tmp_path / "onnx.parquet", columns).items():
        assert probabilities == pytest.approx(said[patch], abs=1e-4)

    images = "data/images"
    clipit(chain, "predict", run, images, "--out", tmp_path / "images.csv", "--threads", "1")
    assert (tmp_path / "images.csv").read_text().startswith('"source","patch","x","y","width","prediction","p_')
