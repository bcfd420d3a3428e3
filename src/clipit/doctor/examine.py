"""The doctor's round: every check, side by side; the machine comes first, then what the configuration names."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from clipit.config.expand import Plan
from clipit.config.experiment import Compute, Config
from clipit.doctor.cluster import PLUGIN, slurm
from clipit.doctor.downloads import download_checks
from clipit.doctor.finding import Check, Finding
from clipit.doctor.gpu import ask_driver, gpu, torch_cuda
from clipit.doctor.hub_token import hub_token
from clipit.doctor.machine import cores, memory, processor
from clipit.doctor.models import model_checks
from clipit.doctor.own import licences, own_files
from clipit.doctor.packages import faiss, faiss_installed, pinned, python, supported_python, version_of
from clipit.doctor.results import results_to_come
from clipit.doctor.room import disks
from clipit.doctor.stores import store_checks
from clipit.runtime.cards import visible_cards
from clipit.runtime.progress import Progress
from clipit.workflow.check import own_paths, planned_entries

_AT_ONCE = 8


def examine(config: Config, plan: Plan, *, deep: bool = False) -> list[Finding]:
    """Looks at the machine, and at everything that the planned runs need and cannot make themselves; changes nothing.

    `deep`: reads the patch stores too, and compares every patch with its digest.
    """
    used = planned_entries(config, plan)
    of_machine = list(machine_checks(config.compute))
    checks = [*of_machine, *model_checks(config, used), *download_checks(config, used)]
    if deep:
        checks += store_checks(config.results, used["datasets"])
    found = _run(checks)
    machine, found = found[: len(of_machine)], found[len(of_machine) :]
    # A saved model's folder is looked into by its own check.
    own = (path for path in own_paths(config, plan) if not path.key.endswith(".name"))
    findings = [*machine, *licences(config, used), *own_files(own), *hub_token(config, used), *found]
    findings.append(results_to_come(config, plan, used, found))
    return [*findings, *disks(findings, config.results)]


def machine_checks(compute: Compute) -> Iterator[Check]:
    """A check for each thing of the machine that every run needs."""
    brought = faiss_installed()
    lock = Path("envs") / ("gpu.txt" if any("gpu" in name for name in brought) else "cpu.txt")  # they differ in faiss
    yield lambda: python(supported_python())
    yield partial(pinned, lock)
    yield partial(faiss, brought)
    yield cores
    yield processor
    yield partial(memory, compute.processes)
    yield lambda: gpu(compute.device, compute.processes, visible_cards(), ask_driver(), torch_cuda(), brought)
    yield lambda: slurm(version_of(PLUGIN))


def _run(checks: Sequence[Check]) -> list[Finding]:
    with ThreadPoolExecutor(_AT_ONCE) as pool, Progress("examine", len(checks), "things", every=1) as progress:
        running = [pool.submit(check) for check in checks]
        for _ in as_completed(running):
            progress.advance()
        return [done.result() for done in running]
