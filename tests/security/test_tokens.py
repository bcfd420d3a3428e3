"""A token of the hub is used, and appears nowhere: not in what is printed, nor in what is written."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.pipeline.conftest import copy_project
from tests.servers import hub_models
from tests.servers.hub import StandInHub

MODEL = {"kind": "timm", "restriction": "none to be shared", "accept_licence": True}
CONFIG = {
    "experiments": {
        "small": {
            "dataset": "phantom",
            "corpus": "phantom_reports",
            "retriever": "phantom_clip",
            "backbone": ["open", "closed"],
            "variants": ["linear_probe"],
        }
    },
    "backbones": {name: {**MODEL, "name": f"hf-hub:org/{name}"} for name in ("open", "closed")},
}
FETCHED = "results/hub/org--{}.json"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[StandInHub]:
    with StandInHub() as server:
        for name in ("open", "closed"):
            server.add_model(f"org/{name}", hub_models.uni_repo(tmp_path / "published" / name), gated=name == "closed")
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = copy_project(tmp_path / "project").folder
    (folder / "my.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


def run(project: Path, hub: StandInHub, token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of this environment there, logged in with `token`."""
    environment = os.environ | hub.environment(project.parent, token=token)
    environment |= {"PYTHONPATH": str(project / "src"), "XDG_CACHE_HOME": str(project / ".cache")}
    command = [Path(sys.executable).with_name(arguments[0]), *arguments[1:]]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_the_doctor_does_not_show_it(project: Path, hub: StandInHub) -> None:
    for token, more in ((hub.member, []), (hub.stranger, ["--json"]), ("hf_invalid", ["--json"])):
        said = run(project, hub, token, "clipit", "doctor", "--config", "my.yaml", *more)
        assert "hub token" in said.stdout, said.stderr
        assert "hf_" not in said.stdout + said.stderr
    assert {hub.member, hub.stranger, "hf_invalid"} <= {request.token for request in hub.requests}


def test_a_download_writes_it_nowhere(project: Path, hub: StandInHub) -> None:
    wanted = [FETCHED.format(name) for name in ("open", "closed")]
    snakemake = ("snakemake", "--cores", "1", "--keep-going", "--configfile", "my.yaml", "--", *wanted)
    said = run(project, hub, hub.stranger, *snakemake)
    assert said.returncode != 0 and "your account has no access yet" in said.stderr
    assert (project / wanted[0]).is_file() and not (project / wanted[1]).exists()
    said_later = run(project, hub, hub.member, *snakemake)
    assert said_later.returncode == 0, said_later.stderr
    shown = said.stdout + said.stderr + said_later.stdout + said_later.stderr
    written = [path for folder in (project, project.parent / "huggingface") for path in folder.rglob("*")]
    files = [path for path in written if path.is_file()]
    assert {path.name for path in files} >= {"org--open.json", "org--closed.json", "org--closed.log"}
    for token in (hub.member, hub.stranger):
        assert token in {request.token for request in hub.requests}
        assert token not in shown
        assert not [path for path in files if token.encode() in path.read_bytes()]
