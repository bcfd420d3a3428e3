"""The doctor's round: every check, side by side, in the order of the configuration."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from clipit.config.expand import Plan
from clipit.config.experiment import Config
from clipit.doctor.downloads import download_checks
from clipit.doctor.finding import Check, Finding
from clipit.doctor.models import model_checks
from clipit.doctor.own import licences, own_files
from clipit.doctor.room import disks
from clipit.doctor.stores import store_checks
from clipit.runtime.progress import Progress
from clipit.workflow.check import own_paths, planned_entries

_AT_ONCE = 8


def examine(config: Config, plan: Plan, *, deep: bool = False) -> list[Finding]:
    """Looks at everything that the planned runs need and cannot make themselves; changes nothing.

    `deep`: reads the patch stores too, and compares every patch with its digest.
    """
    used = planned_entries(config, plan)
    checks = [*model_checks(config, used), *download_checks(config, used)]
    if deep:
        checks += store_checks(config.results, used["datasets"])
    # A saved model's folder is looked into by its own check.
    own = (path for path in own_paths(config, plan) if not path.key.endswith(".name"))
    findings = [*licences(config, used), *own_files(own), *_run(checks)]
    return [*findings, *disks(findings, config.results)]


def _run(checks: Sequence[Check]) -> list[Finding]:
    with ThreadPoolExecutor(_AT_ONCE) as pool, Progress("examine", len(checks), "things", every=1) as progress:
        running = [pool.submit(check) for check in checks]
        for _ in as_completed(running):
            progress.advance()
        return [done.result() for done in running]
