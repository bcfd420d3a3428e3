"""Lines of a run, from the records that snakemake makes of it."""

import io
import logging
from pathlib import Path
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from clipit.workflow.terminal import Terminal, repetition

ARGV = [
    "snakemake",
    "--cores",
    "2",
    "tables",
    "--configfile",
    "my.yaml",
    "more.yaml",
    "--workflow-profile=profiles/slurm",
]


class Screen:
    """A terminal that is read, and records to show on it."""

    def __init__(self, dry_run: bool = False) -> None:
        self._stream = io.StringIO()
        self._terminal = Terminal(self._stream, ARGV, dry_run=dry_run, colour=False)

    def record(self, message: str = "", level: int = logging.INFO, **extra: Any) -> None:
        record = logging.makeLogRecord({"msg": message, "levelno": level, **extra})
        self._terminal.show(record)

    def plan(self, **jobs: int) -> None:
        stats = {**jobs, "total": sum(jobs.values())}
        self.record("Job stats", event=LogEvent.RUN_INFO, stats=stats)

    def starts(self, job: int, rule: str, message: str | None) -> None:
        info = {"jobid": job, "rule_name": rule, "rule_msg": message, "output": [], "benchmark": None}
        self.record(event=LogEvent.JOB_INFO, **info)

    def fails(self, job: int, log: Path, output: str) -> None:
        info = {"jobid": job, "rule_name": "train", "log": [str(log)], "output": [output]}
        self.record(level=logging.ERROR, event=LogEvent.JOB_ERROR, **info)

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()


def test_a_job_is_a_line_with_its_rule_and_how_far_the_run_is() -> None:
    screen = Screen()
    screen.plan(tile=1, train=2, all=1)
    screen.starts(0, "tile", "Tiling mini")
    screen.record(event=LogEvent.JOB_FINISHED, job_id=0)
    screen.starts(1, "train", "Training clipit, seed 0")
    screen.starts(9, "all", None)
    _, first, second = screen.lines
    assert first.split() == ["[0/4]", "tile", "Tiling", "mini"]
    assert second.startswith("[1/4 · over 0 s left]") and second.endswith("train  Training clipit, seed 0")
    assert first.index("tile") == second.index("train")


def test_a_failure_shows_the_end_of_its_log_and_how_to_repeat_it(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("\n".join(f"line {i}" for i in range(40)) + "\nclipit: images/3.png is gone: put it back\n")
    screen = Screen()
    screen.plan(train=1)
    screen.starts(1, "train", "Training clipit")
    for _ in range(2):  # snakemake tells it twice
        screen.fails(1, log, "results/runs/student.safetensors")
    text = "\n".join(screen.lines)
    assert text.count("train failed: Training clipit") == 1
    assert "line 39\n    clipit: images/3.png is gone: put it back" in text and "line 20" not in text
    assert f"log     {log}" in text
    repeated = (
        "snakemake results/runs/student.safetensors --configfile my.yaml more.yaml --workflow-profile=profiles/slurm"
    )
    assert f"repeat  {repeated}" in text


def test_a_job_that_left_no_word_is_said_so(tmp_path: Path) -> None:
    screen = Screen()
    screen.plan(train=1)
    screen.fails(1, tmp_path / "none.log", "out")
    assert "it left no message" in "\n".join(screen.lines)


def test_messages_come_through_and_noise_does_not() -> None:
    screen = Screen()
    screen.record("Building DAG of jobs...")
    screen.record("Nothing to be done (all requested files are present and up to date).")
    screen.record("clipit: [red]backbones.x[/red] is unknown", logging.ERROR)
    assert screen.lines == [
        "Nothing to be done (all requested files are present and up to date).",
        "clipit: [red]backbones.x[/red] is unknown",
    ]


def test_a_dry_run_counts_once_and_has_no_time_left() -> None:
    screen = Screen(dry_run=True)
    screen.plan(train=1)
    screen.starts(1, "train", "Training clipit")
    screen.plan(train=1)
    assert screen.lines == ["train  Training clipit", "Job stats"]


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["snakemake"], "snakemake out"),
        (["snakemake", "-n", "all", "--configfile=a.yaml", "b"], "snakemake out --configfile=a.yaml b"),
        (
            ["snakemake", "--config", "report={show_text: true}", "-c", "1"],
            "snakemake out --config 'report={show_text: true}'",
        ),
        (["snakemake", "-d", "there", "target"], "snakemake out -d there"),
    ],
)
def test_a_job_is_repeated_with_the_runs_own_configuration(argv: list[str], command: str) -> None:
    assert repetition(argv, "out") == command
