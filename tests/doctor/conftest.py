"""A project folder with the shipped catalog, and the doctor's findings about a configuration there."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.servers.hub import StandInHub, use_hub

from clipit.config.expand import expand
from clipit.config.load import deep_merge, load_config
from clipit.doctor.examine import examine
from clipit.doctor.finding import Finding

CATALOG = Path(__file__).parents[2] / "config" / "catalog.yaml"
Examine = Callable[..., dict[str, Finding]]
MACHINE = ("python", "packages", "faiss", "cores", "processor", "memory", "gpu", "cluster")
"""Subjects of findings about the machine that the tests run on, whatever it is."""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """The working directory, a project of its own."""
    folder = tmp_path / "project"
    (folder / "config").mkdir(parents=True)
    shutil.copy(CATALOG, folder / "config" / "catalog.yaml")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[StandInHub]:
    with StandInHub() as server:
        use_hub(monkeypatch, tmp_path, server.url)
        yield server


def experiment(**changes: Any) -> dict[str, Any]:
    """A configuration of one experiment on the phantom, but for `changes`."""
    names = {
        "dataset": "phantom",
        "corpus": "phantom_reports",
        "retriever": "phantom_clip",
        "backbone": "phantom_resnet",
    }
    return {"experiments": {"small": {**names, "variants": ["lora_only", "clipit"], **changes}}}


@pytest.fixture
def doctor(project, hub) -> Examine:
    """Findings by subject, of `experiment(**changes)` with `entries` (section -> name -> keys) over the catalog."""

    def run(*, deep: bool = False, entries: dict[str, Any] | None = None, **changes: Any) -> dict[str, Finding]:
        raw = deep_merge(experiment(**changes), entries or {})
        (project / "config" / "config.yaml").write_text(yaml.safe_dump(raw))
        config = load_config(raw, CATALOG)
        found = {finding.subject: finding for finding in examine(config, expand(config), deep=deep)}
        assert all(finding.remedy for finding in found.values() if finding.status != "PASS")
        assert not any(token in repr(found) for token in (StandInHub.member, StandInHub.stranger))
        return found

    return run
