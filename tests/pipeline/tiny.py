"""The smallest run of own data that passes through every stage, for tests that run it often or slowly."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from tests.pipeline.conftest import Project, copy_project
from tests.pipeline.own_data import SMALLER, write_own_data

TINY: dict[str, Any] = {
    "datasets": {name: SMALLER["datasets"][name] for name in ("my_images", "my_captioned")},
    "backbones": {"my_backbone": SMALLER["backbones"]["my_backbone"]},
    "retrievers": {"my_retriever": SMALLER["retrievers"]["my_retriever"]},
    "experiments": {
        "own_data": deepcopy(SMALLER["experiments"]["own_data"])
        | {"variants": ["colour", "linear_probe", "lora_only", "clipit"]},
    },
}
"""On top of own_data.yaml."""

CONFIGFILES = ("my.yaml", "tiny.yaml")


def tiny_project(folder: Path) -> Project:
    """The project with own data and a configuration for them in `CONFIGFILES`; nothing has run."""
    project = copy_project(folder)
    write_own_data(project.folder)
    (folder / "my.yaml").write_text((folder / "config" / "own_data.yaml").read_text())
    project.edit("my.yaml", "path: data/images ", "path: data/images/images.csv ")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    return project
