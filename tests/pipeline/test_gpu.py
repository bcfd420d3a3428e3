"""The smallest whole run on a GPU: every stage makes the files that it makes on the CPU."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.faults.equal_results import comparable
from tests.faults.tiny_run import tiny_project
from tests.servers.http import FileServer

from clipit.artifacts.patch_store import PatchStore
from clipit.prediction.model import load_model

GPU = "cuda"


def results(folder: Path, device: str) -> Path:
    """The results of a whole run on this device, in one process."""
    with FileServer() as server, contextlib.closing(tiny_project(folder, server)) as run:
        config = yaml.safe_load((folder / "tiny.yaml").read_text())
        config["compute"] |= {"device": device, "processes": 1}
        (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
        run.run()
    return folder / "results"


@pytest.mark.gpu
def test_a_whole_run_on_a_gpu_is_as_one_on_the_cpu(tmp_path: Path) -> None:
    cpu, gpu = results(tmp_path / "cpu", "cpu"), results(tmp_path / "gpu", GPU)
    assert comparable(gpu).keys() == comparable(cpu).keys()
    for table in (gpu / "tables").glob("*.json"):
        assert "NaN" not in table.read_text(), table
    measured = [json.loads(path.read_text()) for path in (gpu / "costs").rglob("*.json")]
    assert measured and {cost["device"] for cost in measured} == {GPU}
    patches = PatchStore(cpu / "patches/tiny/patches.zarr").batch(range(8))
    for student in cpu.rglob("student.json"):
        here, there = (load_model(student.parent, device=device).probabilities(patches) for device in ("cpu", GPU))
        assert np.allclose(here, there, atol=0.005), student
