"""What every rules file needs: the checked configuration, the plan, paths, and small look-ups."""

import os
import sys
from pathlib import Path

from clipit.artifacts.paths import Paths
from clipit.config.expand import expand
from clipit.config.load import load_config
from clipit.config.names import TEACHER, TEXT_TEACHER
from clipit.runtime.errors import UserError
from clipit.runtime.lifeline import lead
from clipit.workflow import run_lock
from clipit.workflow.bind import Binding
from clipit.workflow.bind_cost import measured
from clipit.workflow.bind_pages import PageBinding
from clipit.workflow.bind_runs import PROBES, STUDENTS, ZEROSHOT, RunBinding
from clipit.workflow.bind_triage import TriageBinding
from clipit.workflow.check import (
    check_accepted,
    check_class_maps,
    check_present,
    tell_enlarged,
)
from clipit.workflow.future_dates import correct_dates
from clipit.workflow.resources import CHOSEN

PROJECT = Path(workflow.basedir)

try:
    CONFIG = load_config(config, PROJECT / "config" / "catalog.yaml")
    PLAN = expand(CONFIG)
    DRY_RUN = workflow.output_settings.dryrun
    check_accepted(CONFIG, PLAN, dry_run=DRY_RUN)
    check_present(CONFIG, PLAN)
    BIND = Binding(CONFIG, PLAN, PROJECT, dry_run=DRY_RUN)
    RUNS = RunBinding(BIND, CONFIG)
    PAGES = PageBinding(BIND, CONFIG, PLAN)
    TRIAGE = TriageBinding(BIND, PLAN)
    GPUS = BIND.gpus
    # A job's own process has only its own files to look at.
    if workflow.is_main_process:
        os.environ[CHOSEN] = BIND.device
        BIND.check_own_files()
        check_class_maps(CONFIG)
        tell_enlarged(CONFIG, PLAN)
        if not DRY_RUN:
            run_lock.take()
            correct_dates(CONFIG.results)
except UserError as error:
    sys.exit(f"clipit: {error}")

lead()
PATHS = Paths(CONFIG.results)
TABLES = [
    PATHS.table(experiment, suffix)
    for experiment in CONFIG.experiments
    for suffix in ("csv", "md", "json")
]
PAIRING_TABLES = BIND.pairing_tables()
EXPLORER = PAGES.explorer()
ENVIRONMENT = PROJECT / "envs" / ("gpu.yaml" if GPUS else "cpu.yaml")


def growing(amount, per_mb=0):
    """Memory or minutes of a job: `amount`, and `per_mb` for each MB that it reads; more of it where a try failed."""

    def asked(wildcards, input, attempt):
        return (amount + (per_mb * int(input.size_mb) if per_mb else 0)) * attempt

    return asked


wildcard_constraints:
    dataset="[a-z0-9_]+",
    corpus="[a-z0-9_]+",
    retriever="[a-z0-9_]+",
    backbone="[a-z0-9_]+",
    pairing="[a-z0-9_]+",
    variant="[a-z0-9_]+",
    experiment="[a-z0-9_]+",
    run="[0-9a-f]{8}",
    seed="[0-9]+",
    i="[0-9]+",
    n="[0-9]+",
    download="[a-z0-9_]+",
    extra="[a-z0-9_]+-[0-9a-f]{8}",
    repo="[A-Za-z0-9_.-]+--[A-Za-z0-9_.@-]+",
