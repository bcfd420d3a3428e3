"""`clipit train-fuser`: makes the configuration, keeps it, and runs the pipeline for it."""

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from clipit.artifacts.atomic import write_text
from clipit.artifacts.paths import Paths
from clipit.config.expand import expand
from clipit.config.experiment import Config
from clipit.config.load import load_config
from clipit.fuser.flags import Flags
from clipit.fuser.translate import configuration, without_effect
from clipit.runtime.errors import UserError
from clipit.workflow.check import planned_entries, refusal
from clipit.workflow.launch import find_catalog, read_files, run_snakemake


def run(flags: Flags) -> int:
    """Does what `flags` ask for; gives the exit status.

    Raises:
        UserError: a flag is wrong, a licence is not accepted, or W&B is asked for and not installed.
    """
    catalog = find_catalog()
    raw = configuration(flags, read_files(flags.config), read_files([catalog]))
    config = load_config(raw, catalog)
    text = yaml.safe_dump(raw, sort_keys=False)
    if flags.print_config:
        print(text, end="")
        return 0
    if not flags.dry_run:
        _check_accepted(config)
    environment = _wandb(flags)
    for line in without_effect(flags):
        print(f"clipit: {line}", file=sys.stderr)
    (name,) = config.experiments
    paths = Paths(config.results)
    file = Path(paths.fuser(name))
    write_text(file, text)
    table = paths.table(name, "json")
    status = run_snakemake([table], [file], flags.cores, dry_run=flags.dry_run, environment=environment)
    if status == 0 and not flags.dry_run:
        _print(Path(table), paths.table(name, "md"), file)
    return status


def _check_accepted(config: Config) -> None:
    """As the pipeline does it itself, but in terms of the flags."""
    planned = planned_entries(config, expand(config))
    refused = [
        (name, line) for section, names in planned.items() for name in names if (line := refusal(config, section, name))
    ]
    if refused:
        terms = "; ".join(line.partition(": to accept")[0] for _, line in refused)
        accept = " ".join(f"--accept-licence {name}" for name, _ in refused)
        raise UserError(f"{terms}: to accept that, add {accept}")


def _wandb(flags: Flags) -> Mapping[str, str]:
    """What switches Weights & Biases on: a project that is named already stays."""
    if not flags.wandb:
        return {}
    if importlib.util.find_spec("wandb") is None:
        raise UserError("--wandb needs the package wandb, which is not installed: pip install wandb")
    return {"WANDB_PROJECT": os.environ.get("WANDB_PROJECT") or f"{flags.ds}_{flags.model}"}


def _print(table: Path, markdown: str, file: Path) -> None:
    from clipit.evaluation.show import print_table

    print_table(table)
    print(f"The table is at {markdown}; for the report: snakemake --configfile {file}")
