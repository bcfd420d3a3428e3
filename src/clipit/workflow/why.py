"""Why jobs would run again: what changed, in words, and what only follows from it."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from clipit.runtime.errors import UserError
from clipit.workflow.bind import Binding
from clipit.workflow.changed_params import changed_params

_PROFILE = Path("profiles/default/config.yaml")
_SHOWN = 3


@dataclass
class Why:
    """What a run would do.

    Attributes:
        planned: jobs that the targets are made of, done ones included.
        causes: what changed -> rule -> how many jobs it touches.
        following: rule -> jobs that run only because others do.
    """

    planned: int = 0
    causes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    following: Counter[str] = field(default_factory=Counter)
    _touched: int = 0

    @property
    def jobs(self) -> int:
        """How many would run."""
        return self._touched + self.following.total()

    def add(self, rule: str, causes: Sequence[str]) -> None:
        """Counts one job, which follows from others where it has no cause of its own."""
        if not causes:
            self.following[rule] += 1
            return
        self._touched += 1
        for cause in causes:
            self.causes[cause][rule] += 1


def why(targets: Sequence[str], configfiles: Sequence[Path], directory: Path | None = None) -> Why:
    """What snakemake would run for `targets` (all, where there are none), and why.

    It is called in the project's folder; `directory` is the working folder, where that is another one.

    Raises:
        UserError: snakemake could not plan it; it has said why.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import WorkflowError
    from snakemake.settings.enums import RerunTrigger
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

    triggers = yaml.safe_load(_PROFILE.read_text())["rerun-triggers"]
    quiet = OutputSettings(dryrun=True, log_level_override=logging.ERROR)
    with SnakemakeApi(quiet) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[file.absolute() for file in configfiles]),
            snakefile=Path("Snakefile"),
            workdir=directory,
        )
        settings = DAGSettings(targets=set(targets), rerun_triggers=frozenset(map(RerunTrigger.parse_choice, triggers)))
        try:
            workflow.dag(settings).execute_workflow(executor="dryrun")
        except (WorkflowError, SystemExit) as error:
            raise UserError(f"snakemake cannot plan this: {error}") from None
        planned = workflow._workflow  # the API itself gives no job's reasons
        computing = [job for job in planned.dag.jobs if job.output]
        found = Why(planned=len(computing))
        for job in filter(planned.dag.needrun, computing):
            found.add(job.rule.name, list(_causes(job, planned.dag, planned.globals["BIND"])))
    return found


def _causes(job: Any, dag: Any, binding: Binding) -> Iterator[str]:
    """What is so of this job itself, whatever runs before it."""
    reason, persistence = dag.reason(job), dag.workflow.persistence
    if reason.forced:
        yield "asked to run again"
    if reason.missing_output:
        gone = [str(file) for file in job.output if str(file) in reason.missing_output and persistence.rule(file)]
        yield f"{_listed(gone)} is gone" if gone else "not made yet"
    if reason.incomplete_output:
        yield "interrupted, or failed"
    if newer := reason.updated_input - reason.updated_input_run:
        yield f"{_listed(map(str, newer))} is newer than what was made of it"
    if reason.input_changed:
        before, now = set(persistence.input(job.output[0]) or ()), set(map(str, job.input))
        yield from (f"now made of {file} too" for file in sorted(now - before)[:_SHOWN])
        yield from (f"no longer made of {file}" for file in sorted(before - now)[:_SHOWN])
    # Asked for anew: of a job that runs anyhow, since others do, Snakemake does not look at them.
    if changed := persistence.params_changed(job):
        yield from _of_params(job, changed, binding)
    if reason.software_stack_changed:
        yield "its software environment (envs/) changed"


def _of_params(job: Any, change: Any, binding: Binding) -> Iterator[str]:
    """Which settings are others, and which modules."""
    params, before = dict(job.params.items()), set(change.only_old)
    code = params.pop("code", None)
    if repr(code) in change.only_new:
        digests = {old: old.strip("'") for old in before if len(old) == len(repr(code))}
        edits = {old: binding.changed_code(digest, code) for old, digest in digests.items()}
        known = {old: modules for old, modules in edits.items() if modules is not None}
        before -= known.keys()
        script = f"workflow/scripts/{Path(str(job.rule.script)).stem}.py"
        if known:
            modules = min(known.values(), key=len)
            yield f"{_listed(module or script for module in modules)} changed"
        else:
            yield f"the code of {script} changed, or what it imports"
    yield from changed_params({name: v for name, v in params.items() if repr(v) in change.only_new}, before)


def _listed(files: Any) -> str:
    """Files for the eye, not all where there are many."""
    ordered = sorted(files)
    more = len(ordered) - _SHOWN
    return ", ".join(ordered[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def as_text(found: Why) -> str:
    """What changed, each with the jobs it touches, then what follows from them."""
    if not found.jobs:
        return "Nothing would run: all is up to date."
    lines = [f"{found.jobs} of {found.planned} jobs would run."]
    for cause, rules in sorted(found.causes.items(), key=lambda item: -item[1].total()):
        lines += ["", cause, f"    {_counted(rules)}"]
    if found.following:
        lines += ["", "follows from these", f"    {_counted(found.following)}"]
    return "\n".join(lines)


def _counted(rules: Counter[str]) -> str:
    ordered = sorted(rules.items(), key=lambda rule: (-rule[1], rule[0]))
    return ", ".join(f"{rule} {n}" if n > 1 else rule for rule, n in ordered)
