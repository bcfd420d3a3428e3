"""A run as its user sees it: a line a job, what is left, and of a failure what its log says and how to repeat it."""

import logging
import math
import re
import shlex
from collections import deque
from collections.abc import Mapping, Sequence
from logging import LogRecord
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text
from snakemake_interface_logger_plugins.common import LogEvent

from clipit.workflow.time_left import TimeLeft

_SOON = 10.0  # seconds; of a job that took no longer, its start is told and not its end
_LAST_LINES = 15
_POSITION = 26  # characters
_NOISE = re.compile(
    "Assuming unrestricted shared filesystem|Building DAG of jobs|Conda environments: ignored|Group jobs: inactive"
    r"|Select jobs to execute|Using shell:|Job \d+ has been submitted|Trying to restart job|Cleaning up SLURM log files"
    "|Reasons:"  # `clipit why` has them in full
)
"""Messages that a line a job makes superfluous; Snakemake's own log of a run has them all."""
_REPEATED = dict.fromkeys(("--configfile", "--configfiles", "--config", "-C"), math.inf)
_REPEATED |= dict.fromkeys(("--workflow-profile", "--directory", "-d", "--snakefile", "-s"), 1)
"""Snakemake's options that a job's repetition needs, with how many values they take."""


class Terminal:
    """Writes lines on `stream` for the records of one run, which was begun by the command `argv`."""

    def __init__(self, stream: TextIO, argv: Sequence[str], *, dry_run: bool, colour: bool) -> None:
        # Long lines are the terminal's to break: a file keeps them whole.
        self._console = Console(file=stream, highlight=False, soft_wrap=True, no_color=not colour)
        self._argv, self._dry_run = argv, dry_run
        self._left: TimeLeft | None = None
        self._jobs: dict[int, tuple[str, str]] = {}
        self._done = self._total = self._width = 0
        self._said: set[str] = set()
        self._shows = {
            LogEvent.RUN_INFO: self._plan,
            LogEvent.JOB_INFO: self._starts,
            LogEvent.JOB_FINISHED: self._ends,
            LogEvent.JOB_ERROR: self._fails,
            LogEvent.GROUP_ERROR: self._group_fails,
        }

    def show(self, record: LogRecord) -> None:
        """Writes what there is to say of a record, perhaps nothing."""
        event = getattr(record, "event", None)
        if event in self._shows:
            self._shows[event](vars(record))
        elif event in (None, LogEvent.ERROR):
            self._message(record)

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style))

    def _message(self, record: LogRecord) -> None:
        text = record.getMessage()
        if text and text != "None" and not _NOISE.match(text):
            levels = ((logging.ERROR, "red"), (logging.WARNING, "yellow"))
            self._print(text, next((style for level, style in levels if record.levelno >= level), ""))

    def _plan(self, run: Mapping[str, Any]) -> None:
        first, jobs = self._left is None, {rule: n for rule, n in run["stats"].items() if rule != "total"}
        self._left, self._total = TimeLeft(jobs), sum(jobs.values())
        self._width = max(map(len, jobs), default=0)
        if not (first and self._dry_run):  # a dry run tells it at its end too, where it is seen
            self._print(run["msg"])

    def _starts(self, job: Mapping[str, Any]) -> None:
        rule, message = job["rule_name"], job["rule_msg"] or ", ".join(job["output"])
        if not message:  # a target, which does nothing itself
            return
        if self._left is not None and not self._dry_run:
            self._jobs[job["jobid"]] = rule, message
            self._left.starts(job["jobid"], rule, job["benchmark"])
        self._print(f"{self._position()}{rule:<{self._width}}  {message}")

    def _ends(self, job: Mapping[str, Any]) -> None:
        self._done += 1
        rule, message = self._jobs.get(job["job_id"], ("", ""))
        if self._left is not None and rule:
            took = self._left.ends(job["job_id"])
            if took > _SOON:
                self._print(f"{self._position()}{rule:<{self._width}}  done in {_duration(took)}: {message}", "green")

    def _position(self) -> str:
        if self._left is None or self._dry_run:
            return ""
        left = ""
        if self._done and (told := self._left.seconds()):
            seconds, of_every_rule = told
            left = f" · {'' if of_every_rule else 'over '}{_duration(seconds)} left"
        return f"{f'[{self._done}/{self._total}{left}]':<{_POSITION}} "

    def _fails(self, job: Mapping[str, Any]) -> None:
        rule, message = self._jobs.get(job["jobid"], (job["rule_name"], ""))
        self._failure(f"{rule} failed: {message}", job["output"], job["log"])

    def _group_fails(self, group: Mapping[str, Any]) -> None:
        for job in group["job_error_info"]:
            self._failure(f"{job['rule_name']} failed", job["output"], [*job["log"], *group["aux_logs"]])

    def _failure(self, what: str, output: Sequence[str], logs: Sequence[str]) -> None:
        if what + str(output) in self._said:  # Snakemake says it again at the end
            return
        self._said.add(what + str(output))
        self._print(what, "bold red")
        for log in logs:
            if lines := _last_lines(Path(log)):
                self._print("\n".join(f"    {line}" for line in lines))
                self._print(f"  log     {log}")
                break
        else:
            self._print("    it left no message")
        if output:
            self._print(f"  repeat  {repetition(self._argv, output[0])}")


def repetition(argv: Sequence[str], output: str) -> str:
    """The command that runs one job of a run again, which was begun by `argv`."""
    kept, left = ["snakemake", output], 0.0
    for word in argv[1:]:
        if word.startswith("-"):
            option, _, value = word.partition("=")
            left = _REPEATED.get(option, 0)
            kept += [word] if left else []
            left -= bool(value)
        elif left > 0:
            kept.append(word)
            left -= 1
    return shlex.join(kept)


def _last_lines(log: Path) -> list[str]:
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            return [line.rstrip() for line in deque(file, _LAST_LINES)]
    except OSError:
        return []


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
