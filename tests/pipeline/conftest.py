"""A copy of the project with a tiny data set of its own, on which the whole chain has run once."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

PROJECT = Path(__file__).parents[2]
COPIED = ("Snakefile", "rules", "workflow", "config", "profiles", "envs", "src")
VARIANTS = ["colour", "linear_probe", "lora_only", "random_pairing", "image_distillation", "clipit_unlabelled"]
CLASSES = ("striped", "grainy")
SECRET = "confidentialword"


@dataclass(frozen=True)
class Project:
    """A folder in which snakemake runs."""

    folder: Path

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs snakemake there with the copied code."""
        environment = os.environ | {
            "PYTHONPATH": str(self.folder / "src"),
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
        }
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def would_run(self, *arguments: str, configfile: str = "tiny.yaml") -> dict[str, int]:
        """The jobs that a dry run plans: rule -> count; empty where nothing is to be done."""
        done = self.snakemake("--dry-run", *arguments, "--configfile", configfile)
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


def _texture(rng: np.random.Generator, label: str) -> Image.Image:
    """A synthetic texture: stripes in either direction or grain, alike in mean colour and in contrast."""
    wave = np.sqrt(2) * np.sin(np.arange(32) * 1.2 + rng.uniform(0, 6))
    stripes = np.broadcast_to(wave[:, None] if rng.random() < 0.5 else wave[None, :], (32, 32))
    grain = rng.normal(0, 1, (32, 32))
    picture = stripes if label == "striped" else grain
    noisy = rng.uniform(110, 145, 3) + 35 * picture[..., None] + rng.normal(0, 4, (32, 32, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _write_data(folder: Path) -> None:
    rng = np.random.default_rng(0)
    labelled, captioned = ["path,label,split,group"], ["image,caption"]
    (folder / "images").mkdir(parents=True)
    (folder / "captioned").mkdir()
    for i in range(144):
        label, split = CLASSES[i % 2], ("train", "val", "test")[i % 12 // 4]
        _texture(rng, label).save(folder / "images" / f"{i}.png")
        # Half of the train images have no label, for the variant that learns from such.
        known = label if split != "train" or i % 4 < 2 else ""
        labelled.append(f"{i}.png,{known},{split},patient{i // 4}")
    for i in range(64):
        label = CLASSES[i % 2]
        _texture(rng, label).save(folder / "captioned" / f"{i}.png")
        captioned.append(f"{i}.png,{label} tissue of kind {i % 5}")
    (folder / "images" / "images.csv").write_text("\n".join(labelled) + "\n")
    (folder / "captioned" / "captions.csv").write_text("\n".join(captioned) + "\n")
    reports = [f"Case {i}. {SECRET}. {CLASSES[i % 2]} tissue of kind {i % 7}." for i in range(24)]
    (folder / "reports.txt").write_text("\n".join(reports) + "\n")


CONFIG = {
    "datasets": {
        "textures": {"source": "folder", "path": "data/images/images.csv", "size": 32},
        "captioned": {
            "source": "captioned",
            "path": "data/captioned",
            "captions": "data/captioned/captions.csv",
            "size": 32,
        },
    },
    "corpora": {"notes": {"source": "text", "path": "data/reports.txt"}},
    "backbones": {"tiny": {"kind": "simclr", "dataset": "captioned", "epochs": 25, "batch": 16, "threads": 1}},
    "retrievers": {
        "tiny_clip": {
            "kind": "aligned",
            "captioned": "captioned",
            "image": "tiny",
            "train_image": True,
            "text": {"layers": 1, "width": 32, "heads": 2, "context_length": 16},
            "d": 16,
            "epochs": 2,
            "batch": 16,
            "threads": 1,
        }
    },
    "experiments": {
        "tiny": {
            "dataset": "textures",
            "corpus": "notes",
            "retriever": "tiny_clip",
            "backbone": "tiny",
            "variants": VARIANTS,
            "seeds": [0],
            "training": {"steps": 10, "batch": 8, "hidden": 16, "lora": {"r": 2}, "probe": {"epochs": 200}},
        }
    },
}
CONFIG["backbones"]["tiny"] |= {  # type: ignore[index]
    "architecture": "resnet18",
    "model_args": {"layers": [1, 1, 1, 1], "channels": [16, 16, 32, 32], "stem_type": "deep", "stem_width": 4},
}


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after one whole run of the tiny chain."""
    project = copy_project(tmp_path_factory.mktemp("project"))
    _write_data(project.folder / "data")
    (project.folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    done = project.snakemake("--configfile", "tiny.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return project


@pytest.fixture
def edited(chain: Project, tmp_path: Path) -> Project:
    """The chain's project for one test to edit: restored afterwards, times of modification included."""
    kept = tmp_path / "kept"
    for name in (*COPIED, "data", "tiny.yaml"):
        source = chain.folder / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        kept.mkdir(exist_ok=True)
        copy(source, kept / name)  # type: ignore[operator]
    yield chain  # type: ignore[misc]
    for name in (*COPIED, "data", "tiny.yaml"):
        target = chain.folder / name
        if target.is_dir():
            shutil.rmtree(target)
            shutil.copytree(kept / name, target)
        else:
            shutil.copy2(kept / name, target)
