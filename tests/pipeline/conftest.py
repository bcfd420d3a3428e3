"""Copies of the project in which snakemake runs; in one of them, the whole chain has run once on own data."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.pipeline.own_data import SMALLER, write_own_data

PROJECT = Path(__file__).parents[2]
COPIED = ("Snakefile", "rules", "workflow", "config", "profiles", "envs", "src")
OWN = ("my.yaml", "smaller.yaml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts whole runs first: they take longest, so they must not be what every other worker waits for."""
    here = Path(__file__).parent
    items.sort(key=lambda item: not item.path.is_relative_to(here))


@dataclass(frozen=True)
class Project:
    """A folder in which snakemake runs."""

    folder: Path

    def _call(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a Python module there with the copied code."""
        environment = os.environ | {
            "PYTHONPATH": str(self.folder / "src"),
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
        }
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs snakemake there."""
        return self._call("snakemake", "--cores", "2", *arguments)

    def why(self, *targets: str, configfile: tuple[str, ...] = OWN, directory: Path | None = None) -> str:
        """What `clipit why` prints there, of this working folder where it is another one."""
        configs = [argument for file in configfile for argument in ("--config", file)]
        elsewhere = ["--directory", str(directory)] if directory else []
        done = self._call("clipit.cli", "why", *targets, *configs, *elsewhere)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *arguments: str) -> None:
        """Runs snakemake there, which must succeed."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]

    def would_run(self, *arguments: str, configfile: str | tuple[str, ...] = OWN) -> dict[str, int]:
        """The jobs that a dry run plans: rule -> count; empty where nothing is to be done."""
        configfiles = (configfile,) if isinstance(configfile, str) else configfile
        done = self.snakemake("--dry-run", *arguments, "--configfile", *configfiles)
        assert done.returncode == 0, done.stdout + done.stderr
        text = done.stdout + done.stderr
        table = text.partition("Job stats:")[2].partition("\ntotal")[0]
        jobs = {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", table, flags=re.MULTILINE)}
        assert jobs or "Nothing to be done" in text, text
        return jobs

    def edit(self, file: str, old: str, new: str) -> None:
        """Replaces `old`, which must be there, by `new`."""
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{file} no longer holds {old!r}"
        path.write_text(text.replace(old, new, 1))

    def copied_to(self, folder: Path) -> "Project":
        """A copy of the whole of it, results and times of modification included, for one test to edit."""
        shutil.copytree(self.folder, folder)
        return Project(folder)


def copy_project(folder: Path) -> Project:
    """Copies what snakemake needs of this project into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return Project(folder)


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after the README's recipe for own images and reports: a copy of own_data.yaml, its paths set."""
    project = copy_project(tmp_path_factory.mktemp("project"))
    write_own_data(project.folder)
    shutil.copy(project.folder / "config" / "own_data.yaml", project.folder / "my.yaml")
    project.edit("my.yaml", "path: data/images ", "path: data/images/images.csv ")
    (project.folder / "smaller.yaml").write_text(yaml.safe_dump(SMALLER))
    project.run("--configfile", *OWN)
    return project


@pytest.fixture
def edited(chain: Project, tmp_path: Path) -> Project:
    """The chain's project for one test to edit."""
    return chain.copied_to(tmp_path / "project")
