"""What Snakemake says of a killed job, in plain words."""

from pathlib import Path

import pytest

from clipit.workflow.killed_jobs import tell_killed

LOG = """
RuleException:
CalledProcessError in file "/home/me/clipit/rules/train.smk", line 230:
Command 'set -euo pipefail;  /home/me/.venv/bin/python /home/me/clipit/.snakemake/scripts/tmpk3_x9.{rule}.py' {how}.
"""


@pytest.mark.parametrize("how", ["died with <Signals.SIGKILL: 9>", "returned non-zero exit status 137"])
def test_a_killed_job_is_told_once_with_what_to_do(tmp_path: Path, how: str, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "snakemake.log"
    log.write_text(
        LOG.format(rule="train_student", how=how) * 2 + LOG.format(rule="pair", how="died with <Signals.SIGTERM: 15>")
    )
    tell_killed([log])
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("clipit: train_student was killed (SIGKILL), most often since the memory ran out: ")
    assert "--set-resources train_student:mem_mb=16000" in line


def test_a_job_that_failed_of_itself_is_not_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "snakemake.log"
    log.write_text(LOG.format(rule="pair", how="returned non-zero exit status 1"))
    tell_killed([log])
    assert capfd.readouterr().err == ""
