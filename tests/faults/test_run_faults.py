"""Whole runs whose snakemake or jobs are ended, whose input vanishes, whose clock was wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.faults.process_tree import descendants, jobs, wait_gone
from tests.faults.small_disk import can_mount
from tests.faults.tiny_run import TinyRun, tiny_project
from tests.servers.http import FileServer

from clipit.artifacts.schemas import patches, rejected
from clipit.artifacts.tables import read_table

pytestmark = pytest.mark.torture

REPORTS = "results/corpora/own_reports/reports.parquet"
CAPTIONS = "results/patches/own_captioned/captions.parquet"
WITHIN = 200  # seconds

# A job that stops in the middle of writing, as long as there is a file `hold`.
HOLD = f"""
    import time
    from pathlib import Path

    from clipit.artifacts.atomic import atomic_path

    with atomic_path("{REPORTS}") as half:
        half.write_text("half")
        Path("holding").touch()
        while Path("hold").exists():
            time.sleep(0.05)
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[TinyRun]:
    with FileServer() as server:
        run = tiny_project(tmp_path / "project", server)
        yield run
        run.close()


@pytest.fixture
def held(run: TinyRun) -> TinyRun:
    """Whose job `clean_reports` holds a half-written file."""
    with open(run.folder / "workflow" / "scripts" / "clean_reports.py", "a") as script:
        script.write(HOLD)
    (run.folder / "hold").touch()
    return run


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def temporaries(run: TinyRun) -> list[str]:
    return [path.name for path in (run.folder / "results").rglob(".*")]


def start_held(run: TinyRun, log: str = "snakemake.log") -> subprocess.Popen[bytes]:
    """A snakemake whose job holds a half-written file now."""
    snakemake = run.start(REPORTS, log=log)
    until(lambda: snakemake.poll() is not None or (run.folder / "holding").exists())
    assert snakemake.poll() is None, run.said(log)
    return snakemake


def told(run: TinyRun, log: str = "snakemake.log") -> list[str]:
    """The lines that clipit said."""
    return [line for line in run.said(log).splitlines() if line.startswith("clipit: ")]


def ends_well(run: TinyRun) -> None:
    """Let alone, a further run makes the file, and leaves nothing else."""
    (run.folder / "hold").unlink(missing_ok=True)
    (run.folder / "holding").unlink()
    run.run(REPORTS)
    assert temporaries(run) == []
    assert not list((run.folder / ".snakemake").glob("locks/*"))


# ------------------------------------------------------------------------------------------------------------ killed


def test_after_a_killed_snakemake_no_job_goes_on_and_the_next_one_lifts_its_lock(held: TinyRun) -> None:
    snakemake = start_held(held)
    family = descendants(snakemake.pid)
    assert list(jobs(snakemake.pid).values()) == ["clean_reports"]
    snakemake.kill()
    snakemake.wait()
    assert wait_gone(family, 5) == []
    ends_well(held)
    assert told(held) == [
        f"clipit: a snakemake that is gone (process {snakemake.pid}) left its lock, which is lifted: this one goes on "
        "where that one was"
    ]


def test_a_job_behind_a_shell_ends_with_its_snakemake_too(held: TinyRun) -> None:
    held.project.edit("Snakefile", 'min_version("9.0")', 'min_version("9.0")\nshell.suffix("; true")')
    snakemake = start_held(held)
    (job,) = jobs(snakemake.pid)
    assert job.ppid() != snakemake.pid
    snakemake.kill()
    snakemake.wait()
    assert wait_gone([job], 5) == []


def test_a_lock_of_another_machine_stays_and_how_to_remove_it_is_said(held: TinyRun) -> None:
    snakemake = start_held(held)
    snakemake.kill()
    snakemake.wait()
    note = held.folder / ".snakemake" / "clipit.lock"
    note.write_text(json.dumps({**json.loads(note.read_text()), "machine": "another"}))
    refused = held.start(REPORTS)
    assert refused.wait(WITHIN) == 1
    assert told(held) == [
        f"clipit: a snakemake that is gone (process {snakemake.pid}) left its lock: make sure that none of its jobs "
        "runs, here or on a cluster, then `snakemake --unlock`"
    ]
    assert "Directory cannot be locked" in held.said()
    held.run("--unlock")
    ends_well(held)


def test_a_killed_job_is_told_with_its_usual_reason(held: TinyRun) -> None:
    snakemake = start_held(held)
    (job,) = jobs(snakemake.pid)
    job.kill()
    assert snakemake.wait(WITHIN) == 1
    (line,) = told(held)
    assert line.startswith(
        "clipit: clean_reports was killed (SIGKILL), most often since the memory ran out: run again "
    )
    ends_well(held)


def test_a_second_snakemake_is_refused_and_the_first_unharmed(held: TinyRun) -> None:
    first = start_held(held, log="first.log")
    second = held.start(REPORTS)
    assert second.wait(WITHIN) == 1
    assert told(held) == [
        f"clipit: another snakemake is at work in this folder (process {first.pid}): where both are to make the same "
        "files, this one is refused; let the other one end, do not --unlock"
    ]
    assert "Directory cannot be locked" in held.said()
    (held.folder / "hold").unlink()
    assert first.wait(WITHIN) == 0, held.said("first.log")
    ends_well(held)


# ------------------------------------------------------------------------------------------------------ asked to end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_end_cleans_up_and_frees_the_folder(held: TinyRun, number: signal.Signals) -> None:
    """As a terminal's Ctrl-C, a scheduler or `timeout` ask: all processes at once."""
    snakemake = start_held(held)
    family = descendants(snakemake.pid)
    os.killpg(snakemake.pid, number)
    assert snakemake.wait(WITHIN) != 0
    assert wait_gone(family, 5) == []
    assert temporaries(held) == []
    assert not list((held.folder / ".snakemake").glob("locks/*"))
    assert "Traceback" not in held.said()
    ends_well(held)
    assert told(held) == []


def test_a_snakemake_that_alone_is_asked_to_end_lets_its_job_finish(held: TinyRun) -> None:
    snakemake = start_held(held)
    snakemake.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert snakemake.poll() is None and jobs(snakemake.pid)
    (held.folder / "hold").unlink()
    assert snakemake.wait(WITHIN) != 0
    assert (held.folder / REPORTS).exists() and temporaries(held) == []
    ends_well(held)


# -------------------------------------------------------------------------------------------------- vanished, misdated


def test_an_image_that_vanishes_between_listing_and_tiling_is_set_aside(run: TinyRun) -> None:
    run.run(CAPTIONS, "--until", "index_dataset")
    gone = run.folder / "data" / "captioned" / "3.png"
    content = gone.read_bytes()
    edited = run.folder / "workflow" / "scripts" / "tile_dataset.py"
    script = edited.read_text()
    # It vanishes when the job that reads it has begun.
    edited.write_text(script.replace("with job(", "import os\n\nos.remove('data/captioned/3.png')\nwith job(", 1))
    run.run(CAPTIONS)
    folder = run.folder / "results" / "patches" / "own_captioned"
    assert read_table(folder / "rejected.parquet", rejected.SCHEMA).column("reason") == ["file not found"]
    assert len(read_table(folder / "patches.parquet", patches.SCHEMA).table) == 15
    edited.write_text(script)
    gone.write_bytes(content)
    run.run(CAPTIONS)
    assert len(read_table(folder / "patches.parquet", patches.SCHEMA).table) == 16


def test_reports_that_vanish_are_told_in_one_line(run: TinyRun) -> None:
    reports = run.folder / "data" / "reports.txt"
    edited = run.folder / "workflow" / "scripts" / "clean_reports.py"
    script = edited.read_text()
    edited.write_text(script.replace("with job(", "import os\n\nos.remove('data/reports.txt')\nwith job(", 1))
    content = reports.read_bytes()
    assert run.start(REPORTS).wait(WITHIN) == 1
    (line,) = set(told(run))
    assert "data/reports.txt does not exist" in line and "Traceback" not in run.said()
    assert run.start(REPORTS).wait(WITHIN) == 1
    assert told(run) == [
        "clipit: config: corpora.own_reports.path = 'data/reports.txt' does not exist: correct the path"
    ]
    edited.write_text(script)
    reports.write_bytes(content)
    run.run(REPORTS)


def test_dates_of_the_future_neither_stop_a_run_nor_make_it_run_again_and_again(run: TinyRun) -> None:
    run.run(CAPTIONS)
    later = time.time() + 400 * 24 * 3600
    for own in (run.folder / "data").rglob("*"):
        os.utime(own, (later, later))
    items = run.folder / "results" / "patches" / "own_captioned" / "items.parquet"
    os.utime(items, (later, later))
    run.run(CAPTIONS)
    (line,) = told(run)
    assert line.startswith(
        "clipit: results/patches/own_captioned/items.parquet was dated in the future, and is dated now: "
    )
    assert abs(items.stat().st_mtime - time.time()) < WITHIN
    run.run(CAPTIONS)
    assert told(run) == [] and "Nothing to be done" in run.said()


# --------------------------------------------------------------------------------------------------------- read-only


@pytest.mark.skipif(not can_mount(), reason="needs unshare and mount")
def test_read_only_results_are_told_and_nothing_is_begun(run: TinyRun) -> None:
    (run.folder / "results").mkdir()
    command = 'mount --bind results results && mount -o remount,bind,ro results && exec "$@"'
    environment = os.environ | {"PYTHONPATH": str(run.folder / "src")}
    snakemake = [sys.executable, "-m", "snakemake", REPORTS, "--cores", "2", "--configfile", "tiny.yaml"]
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command, "sh", *snakemake],
        cwd=run.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("clipit: ")]
    assert said == [
        "clipit: results/benchmarks/jobs.json cannot be written (Read-only file system): allow it, or name another "
        "folder (results: in the configuration), and run again"
    ]
    assert "Traceback" not in done.stderr
    assert psutil.Process().children() == []
