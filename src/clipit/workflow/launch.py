"""Running the pipeline from a command: the files of a configuration, and snakemake on them."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from clipit.config.experiment import Config
from clipit.config.load import deep_merge, load_config
from clipit.runtime.errors import UserError
from clipit.runtime.lifeline import die_with_parent

CATALOG = Path("config/catalog.yaml")

BY_COMMAND = "CLIPIT_BY_COMMAND"
"""Set where a command runs snakemake and tells itself what came of it."""


def read_config(files: Sequence[Path]) -> Config:
    """The configuration in `files`, later ones on top, over the catalog of the project that this is run in.

    Raises:
        UserError: a file is missing or no YAML, or its content is wrong.
    """
    catalog = find_catalog()
    return load_config(read_files(files), catalog)


def find_catalog() -> Path:
    """The catalog of the project that this is run in.

    Raises:
        UserError: there is none here.
    """
    if not CATALOG.is_file():
        raise UserError(f"{CATALOG} does not exist here: run clipit in the project's folder")
    return CATALOG


def read_files(files: Sequence[Path]) -> dict[str, Any]:
    """The content of YAML files, later ones on top.

    Raises:
        UserError: a file is missing, is no YAML, or does not map keys to values.
    """
    raw: dict[str, Any] = {}
    for file in files:
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except OSError as error:
            raise UserError(f"{file} cannot be read ({error.strerror}): name a configuration file") from None
        except yaml.YAMLError as error:
            raise UserError(f"{file} is no YAML ({' '.join(str(error).split())}): correct it") from None
        if not isinstance(content, dict):
            raise UserError(f"{file} is no configuration: it must map keys to values")
        raw = deep_merge(raw, content)
    return raw


def run_snakemake(
    targets: Sequence[str],
    configfiles: Sequence[Path],
    cores: int | None,
    *,
    dry_run: bool = False,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Runs snakemake for `targets`, its progress on this terminal; gives its exit status.

    `environment` comes on top of this process's own.
    """
    command = [sys.executable, "-m", "snakemake", *targets]
    command += ["--cores", str(cores)] if cores else []
    command += ["--dry-run"] if dry_run else []
    command += ["--configfile", *map(str, configfiles)]
    inherited = {**os.environ, **(environment or {}), BY_COMMAND: "1"}
    with subprocess.Popen(command, env=inherited, preexec_fn=die_with_parent) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # snakemake has got it as well, and ends its jobs
                continue
