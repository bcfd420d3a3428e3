"""A whole run in miniature: the smallest configuration that passes through every stage, from a download to the report.

Two processes share the training of a student, so that a job has children too.
"""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from tests.miniatures.images import md5, texture
from tests.miniatures.resnet import SMALL_RESNET
from tests.pipeline.conftest import Project, copy_project
from tests.servers.http import FileServer

CLASSES = ("striped", "grainy")
ARCHIVE = "/TINY.zip"
SIZE = 32

_TOWER = {
    "architecture": "resnet18",
    "model_args": {**SMALL_RESNET, "stem_type": "deep", "stem_width": 4},
}
_SHORT = {"epochs": 1, "batch": 8, "threads": 1}
_TRAINING = {
    "steps": 4,
    "validations": 2,
    "batch": 8,
    "hidden": 8,
    "lora": {"r": 2, "text": True},
    "probe": {"epochs": 5},
    "teacher": {"epochs": 2, "batch": 8},
}
_NAMES = {"dataset": "tiny", "corpus": "own_reports", "retriever": "own_clip", "backbone": "own_resnet"}


def tiny_config(url: str, archive: bytes) -> dict[str, Any]:
    """Images that are fetched from `url`, own captioned images, own reports, images of elsewhere."""
    return {
        "downloads": {"tiny_zip": {"kind": "http", "url": url, "md5": md5(archive)}},
        "datasets": {
            "tiny": {"source": "folder", "download": "tiny_zip", "path": "TINY", "size": SIZE},
            "elsewhere": {"source": "folder", "path": "data/elsewhere", "size": SIZE},
            "own_captioned": {
                "source": "captioned",
                "path": "data/captioned",
                "captions": "data/captioned/captions.csv",
                "size": SIZE,
            },
        },
        "corpora": {"own_reports": {"source": "text", "path": "data/reports.txt"}},
        "backbones": {"own_resnet": {"kind": "simclr", "dataset": "own_captioned", **_TOWER, **_SHORT}},
        "retrievers": {
            "own_clip": {
                "kind": "aligned",
                "captioned": "own_captioned",
                "image": "own_resnet",
                "train_image": True,
                "text_tower": {"layers": 1, "width": 16, "heads": 2, "context_length": 16},
                "d": 8,
                **_SHORT,
            }
        },
        "experiments": {
            "tiny": {
                **_NAMES,
                "variants": ["linear_probe", "retriever_zeroshot", "lora_only", "image_distillation", "clipit"],
                "seeds": [0],
                "training": _TRAINING,
            },
            "abroad": {
                **_NAMES,
                "variants": ["linear_probe"],
                "seeds": [0],
                "training": _TRAINING,
                "extra_tests": [{"dataset": "elsewhere"}],
            },
        },
        "compute": {"device": "cpu", "threads": 1, "processes": 2},
    }


def tiny_project(folder: Path, server: FileServer) -> "TinyRun":
    """A copy of the project with the data of a tiny run; its archive is on `server`."""
    project = copy_project(folder)
    rng = np.random.default_rng(0)
    archive = server.files[ARCHIVE] = _archive(rng)
    for label in range(2):
        for i in range(4):
            _save(rng, label, folder / "data" / "elsewhere" / "test" / CLASSES[label] / f"{i}.png")
    rows = ["image,caption"]
    for i in range(16):
        _save(rng, i % 2, folder / "data" / "captioned" / f"{i}.png")
        rows.append(f"{i}.png,{CLASSES[i % 2]} tissue of kind {i % 5}")
    (folder / "data" / "captioned" / "captions.csv").write_text("\n".join(rows) + "\n")
    reports = [f"Case {i}. {CLASSES[i % 2]} tissue of kind {i % 7}." for i in range(14)]
    (folder / "data" / "reports.txt").write_text("\n".join(reports) + "\n")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(tiny_config(server.url(ARCHIVE), archive)))
    return TinyRun(project)


def _archive(rng: np.random.Generator) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for split, n in (("train", 12), ("val", 4), ("test", 6)):
            for label in range(2):
                for i in range(n):
                    picture = io.BytesIO()
                    Image.fromarray(texture(rng, label, SIZE, SIZE)).save(picture, "PNG")
                    archive.writestr(f"TINY/{split}/{CLASSES[label]}/{i}.png", picture.getvalue())
    return packed.getvalue()


def _save(rng: np.random.Generator, label: int, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(texture(rng, label, SIZE, SIZE)).save(path)


class TinyRun:
    """The project of a tiny run, in whose folder snakemakes are started, and ended."""

    def __init__(self, project: Project) -> None:
        self.project, self.folder = project, project.folder
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, cores: int = 2, log: str = "snakemake.log") -> subprocess.Popen[bytes]:
        """Starts snakemake as a terminal does, in a process group of its own; what it says is in the file `log`."""
        environment = os.environ | {
            "PYTHONPATH": str(self.folder / "src"),
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
        }
        command = [sys.executable, "-m", "snakemake", *arguments, "--cores", str(cores), "--configfile", "tiny.yaml"]
        with open(self.folder / log, "wb") as said:
            snakemake = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=said, stderr=said, start_new_session=True
            )
        self._started.append(snakemake)
        return snakemake

    def close(self) -> None:
        """Ends what was started and still runs: after a test that failed."""
        for snakemake in self._started:
            snakemake.kill()
            snakemake.wait()

    def run(self, *arguments: str, cores: int = 2) -> str:
        """Runs snakemake, which must succeed; what it said."""
        status = self.start(*arguments, cores=cores).wait()
        assert status == 0, self.said()
        return self.said()

    def said(self, log: str = "snakemake.log") -> str:
        """What the snakemake said that was started last, with this `log`."""
        return (self.folder / log).read_text(errors="replace")
