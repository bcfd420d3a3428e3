"""Several configurations on one folder, by the commands of docs/sharing.md: what one has made, the others find."""

import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.pipeline.conftest import PROJECT, Project, copy_project
from tests.pipeline.test_download import zipped
from tests.servers.http import FileServer
from tests.servers.hub_models import quiltnet_repo

pytestmark = pytest.mark.xdist_group("sharing")

EMBEDDED = "results/embeddings/tiny/mini/part-0-of-1.parquet"
ONE_SEED = {"train_probe": 1, "evaluate": 1, "compare": 1}
"""The jobs of one more seed of a variant, where all that it rests on is there."""


def commands(heading: str) -> list[str]:
    """The lines of the first block of commands under a heading of docs/sharing.md."""
    page = (PROJECT / "docs" / "sharing.md").read_text()
    block = re.search(rf"^## {heading}$.*?```sh\n(.*?)```", page, flags=re.MULTILINE | re.DOTALL)
    assert block, f"docs/sharing.md has no commands under {heading!r}"
    return block[1].splitlines()


def configuration(url: str, model: Path, title: str, seed: int, **dataset: Any) -> dict[str, Any]:
    """A small experiment on images that are downloaded; `dataset` goes on top of its entry."""
    mini = {"source": "folder", "size": 32, "download": "mini_zip", "path": "MINI", **dataset}
    experiment = {"dataset": "mini", "corpus": "phantom_reports", "retriever": "tiny", "backbone": "phantom_resnet",
                  "variants": ["colour"], "seeds": [seed]}  # fmt: skip
    return {
        "downloads": {"mini_zip": {"kind": "http", "url": url}},
        "datasets": {"mini": mini},
        "retrievers": {"tiny": {"kind": "open_clip", "name": f"local-dir:{model}"}},
        "experiments": {title: experiment},
    }


@dataclass(frozen=True)
class Lab:
    """A folder that is shared, a clone outside it, and what the configurations name."""

    shared: Path
    clone: Project
    server: FileServer
    model: Path

    def write(self, title: str, seed: int, *, results: str | None = None, **dataset: Any) -> Path:
        """Writes the configuration of `title` into the clone."""
        config = configuration(self.server.url("/MINI.zip"), self.model, title, seed, **dataset)
        file = self.clone.folder / f"{title}.yaml"
        file.write_text(yaml.safe_dump(config | ({"results": results} if results else {})))
        return file

    def documented(self, line: str) -> list[str]:
        """The arguments of snakemake in a line of the page, with the folder of this lab."""
        program, *arguments = shlex.split(line.replace("/data/clipit", str(self.shared)))
        assert program == "snakemake"
        return arguments

    def would_run(self, title: str, *arguments: str) -> dict[str, int]:
        """The jobs that the table of `title` lacks in the shared folder."""
        where = ("--directory", str(self.shared), f"results/tables/{title}.json", EMBEDDED)
        return self.clone.would_run(*where, *arguments, configfile=f"{title}.yaml")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """What Alice leaves who was the first, and Bob after her."""
    folder = tmp_path_factory.mktemp("lab")
    with FileServer({"/MINI.zip": zipped()}) as server:
        found = Lab(folder / "shared", copy_project(folder / "clone"), server, quiltnet_repo(folder / "tiny"))
        found.write("alice", 0)
        found.write("bob", 1)
        first, second = map(found.documented, commands("One folder, several configurations"))
        found.clone.run("results/tables/alice.json", EMBEDDED, *first)
        asked = len(server.requests)
        assert found.would_run("bob") == ONE_SEED
        found.clone.run("results/tables/bob.json", EMBEDDED, *second)
        assert len(server.requests) == asked > 0
        yield found


def test_who_comes_second_makes_only_what_is_theirs(lab: Lab) -> None:
    assert lab.would_run("alice") == {} and lab.would_run("bob") == {}
    lab.write("eve", 1)
    assert lab.would_run("eve") == {"compare": 1}  # Bob's very run, in a table of her own


def test_other_settings_of_a_shared_name_are_seen(lab: Lab) -> None:
    lab.write("dave", 0, size=16)
    assert {"index_dataset", "embed_images", "train_probe"} <= set(lab.would_run("dave"))


def test_two_working_folders_with_the_same_results_are_a_trap(lab: Lab, tmp_path: Path) -> None:
    results = str(lab.shared / "results")
    lab.write("frank", 2, results=results, size=16)
    target = (f"{results}/tables/frank.json", "--directory", str(tmp_path))
    assert lab.clone.would_run(*target, configfile="frank.yaml") == ONE_SEED  # a store of 32 px is taken for one of 16


def state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Of everything in a folder, what no one can write or remove without changing: size, times."""
    paths = [folder, *sorted(folder.rglob("*"))]
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns, path.lstat().st_ino) for path in paths}


def test_what_others_made_is_read_and_not_touched(lab: Lab, tmp_path: Path) -> None:
    lab.write("carol", 3)
    own = copy_project(tmp_path)
    (own.folder / "carol.yaml").write_text((lab.clone.folder / "carol.yaml").read_text())
    *linking, last = commands("Reading what others made")
    before = state(lab.shared)
    for line in linking:
        subprocess.run(["bash", "-ec", line.replace("/data/clipit", str(lab.shared))], cwd=own.folder, check=True)
    arguments = ("results/tables/carol.json", EMBEDDED)
    assert own.would_run(*arguments, configfile="carol.yaml") == ONE_SEED
    own.run(*arguments, *lab.documented(last))
    assert not (own.folder / "results" / "runs").is_symlink()
    assert own.would_run(*arguments, configfile="carol.yaml") == {}
    assert state(lab.shared) == before
    config = (own.folder / "carol.yaml").read_text()
    (own.folder / "carol.yaml").write_text(config.replace("size: 32", "size: 16"))
    assert "index_dataset" in own.would_run(*arguments, configfile="carol.yaml")


def started(folder: Path, n: int, process: subprocess.Popen[bytes]) -> None:
    """Waits until `n` jobs have noted in `folder` that they are at work."""
    for _ in range(600):
        if len(list(folder.glob("started-*"))) >= n:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError(f"only {list(folder.glob('started-*'))} began")


def test_two_runs_at_once_meet_in_one_working_folder_and_not_in_two(lab: Lab, tmp_path: Path) -> None:
    project, notes = copy_project(tmp_path / "clone"), tmp_path / "notes"
    notes.mkdir()
    waiting = (
        "import os, pathlib, time\n"
        f"notes = pathlib.Path({str(notes)!r})\n"
        "(notes / f'started-{os.getpid()}').touch()\n"
        "while not (notes / 'go').exists():\n"
        "    time.sleep(0.05)\n"
    )
    script = project.folder / "workflow" / "scripts" / "label_dataset.py"
    script.write_text(waiting + script.read_text())
    shared, results = tmp_path / "shared", str(tmp_path / "shared" / "results")
    config = configuration(lab.server.url("/MINI.zip"), lab.model, "gus", 0) | {"results": results}
    (project.folder / "gus.yaml").write_text(yaml.safe_dump(config))

    def run(folder: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", f"{results}/patches/mini/labels.parquet"]
        command += ["--directory", str(folder), "--configfile", "gus.yaml"]
        return subprocess.Popen(command, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    first = run(shared)
    try:
        started(notes, 1, first)
        second = run(shared)
        said, _ = second.communicate(timeout=120)
        assert second.returncode != 0 and b"cannot be locked" in said
        third = run(tmp_path / "elsewhere")  # makes the very file that the first is making
        started(notes, 2, third)
    finally:
        (notes / "go").touch()
    for process in (first, third):
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
