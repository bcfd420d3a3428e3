"""Kills a whole run at random points, again and again; what comes out must be what a run makes that is left alone.

python -m tests.faults.torture --kills 200 --seed 0     # `make torture`: docs/reliability.md
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import psutil
from tests.faults.equal_results import comparable, differences
from tests.faults.kill_plan import Kill, kill_plan
from tests.faults.process_tree import descendants, is_gone, jobs, wait_gone, writes
from tests.faults.tiny_run import TinyRun, tiny_project
from tests.servers.http import FileServer

from clipit.reporting.stage_times import read_benchmark

_LOOK = 0.1  # seconds between looks at the process tree
_POLL = 0.002  # seconds between looks at what an armed job writes
_ORPHANS = 10.0  # seconds after which nothing may be left of what was killed
_LONGEST = 3600.0  # seconds of one snakemake, on a busy machine
_MORE_PASSES = 4  # for kills that came too late: a job may end before


@dataclass
class Torture:
    """The kills so far."""

    wanted: int
    seed: int
    say: Callable[[str], None]
    done: list[Kill] = field(default_factory=list)
    passes: int = 0
    began: float = field(default_factory=time.monotonic)

    def count(self, kill: Kill, seconds: float) -> None:
        """Tells of a kill, and how long a kill takes so far."""
        self.done.append(kill)
        each = (time.monotonic() - self.began) / len(self.done)
        when = f"{'writing, ' if kill.writing else ''}{seconds:.2f} s after its start"
        left = each * (self.wanted - len(self.done))
        self.say(
            f"kill {len(self.done)}/{self.wanted}: {kill.rule}, {kill.victim} ({when}) · {each:.1f} s a kill · "
            f"{left:,.0f} s left"
        )

    def summary(self) -> str:
        """One line: how many, of what, how long it took."""
        victims = Counter(kill.victim for kill in self.done)
        of = ", ".join(f"{n} of a {victim}" for victim, n in sorted(victims.items()))
        writing, rules = sum(kill.writing for kill in self.done), len({kill.rule for kill in self.done})
        return (
            f"{date.today()}, seed {self.seed}: {len(self.done)} kills ({of}; {writing} while a file "
            f"was written) over {rules} rules in {self.passes} passes, "
            f"{(time.monotonic() - self.began) / 60:.1f} min on {os.cpu_count()} cores: all results equal"
        )


def torture(folder: Path, kills: int, seed: int, say: Callable[[str], None] = print) -> Torture:
    """Runs once undisturbed, then pass after pass with kills, until there were as many; each pass ends equal."""
    with FileServer() as server, contextlib.closing(tiny_project(folder, server)) as run:
        started = time.monotonic()
        run.run()
        say(f"undisturbed: {time.monotonic() - started:.0f} s")
        expected, usual = comparable(run.folder / "results"), durations(run.folder / "results")
        so_far, late = Torture(kills, seed, say), list[Kill]()
        for planned in kill_plan(sorted(usual), kills, seed) + [[]] * _MORE_PASSES:
            waiting = [*late, *planned]
            if not waiting:
                break
            shutil.rmtree(run.folder / "results")
            shutil.rmtree(run.folder / ".snakemake")
            _one_pass(run, usual, waiting, so_far)
            found = differences(comparable(run.folder / "results"), expected)
            assert not found, f"seed {seed}, pass {so_far.passes}: {found}"
            # Of what never seemed to write: at some time then.
            # The others earlier: other work on the machine may have slowed the undisturbed run.
            late = [Kill(kill.rule, kill.victim, False, 0.5 if kill.writing else kill.after / 2) for kill in waiting]
        assert len(so_far.done) == kills, f"too late each time: {late}"
        return so_far


def durations(results: Path) -> dict[str, float]:
    """Seconds of the longest job of each script in an undisturbed run."""
    listed: dict[str, list[str]] = json.loads((results / "benchmarks" / "jobs.json").read_text())
    listed["evaluate"] += listed.pop("evaluate_extra")  # one script
    files = {rule: [results.parent / file for file in files] for rule, files in listed.items()}
    files |= {rule: [results / "benchmarks" / "report" / f"{rule}.tsv"] for rule in ("report", "explorer")}
    spent = {rule: [read_benchmark(file) for file in found] for rule, found in files.items()}
    return {rule: max(one.seconds for one in found if one) for rule, found in spent.items()}


def _one_pass(run: TinyRun, usual: dict[str, float], waiting: list[Kill], so_far: Torture) -> None:
    """Goes on with the run after each kill until it ends; what is still `waiting` then came too late."""
    so_far.passes += 1
    while True:
        snakemake = run.start()
        hit = _hunt(snakemake, run.folder / "results", usual, waiting)
        status = snakemake.wait(_LONGEST)
        if hit is None or status == 0:  # the job had ended just before
            assert status == 0, run.said()
            break
        kill, seconds, family = hit
        left = wait_gone(family, _ORPHANS)
        assert not left, f"{kill}: {left} went on"
        waiting.remove(kill)
        so_far.count(kill, seconds)
    assert run.start("--dry-run").wait(_LONGEST) == 0 and "Nothing to be done" in run.said(), run.said()


def _hunt(
    snakemake: subprocess.Popen[bytes], results: Path, usual: dict[str, float], waiting: list[Kill]
) -> tuple[Kill, float, list[psutil.Process]] | None:
    """Carries out the first of the kills whose moment comes: it, when that was, and who must be gone then."""
    started: dict[psutil.Process, tuple[Kill | None, float]] = {}
    wrote: dict[psutil.Process, float] = {}
    looked = 0.0
    while snakemake.poll() is None:
        now = time.monotonic()
        if now - looked > _LOOK:
            looked = now
            armed = [kill for kill, _ in started.values()]
            for process, rule in jobs(snakemake.pid).items():
                if process not in started:
                    kill = next((kill for kill in waiting if kill.rule == rule and kill not in armed), None)
                    started[process] = kill, now
                    armed.append(kill)
            started = {process: found for process, found in started.items() if not is_gone(process)}
        for process, (kill, since) in started.items():
            if kill is None:
                continue
            if kill.writing:
                if process not in wrote and writes(process, results):
                    wrote[process] = now
                due = process in wrote and now >= wrote[process] + kill.after
            else:
                due = now >= since + kill.after * usual[kill.rule]
            if due and (family := _carry_out(kill, process, snakemake)):
                return kill, now - since, family
        time.sleep(_POLL)
    return None


def _carry_out(kill: Kill, process: psutil.Process, snakemake: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Kills; who must be gone soon after. Nobody, if the victim is not there."""
    try:
        children = process.children(recursive=True)
        if kill.victim == "job":
            process.kill()
            return [process, *children]
        if kill.victim == "worker":
            if not children:
                return []
            children[-1].kill()
            return [process, *children]
        family = descendants(snakemake.pid)
        if process not in family:
            return []
        snakemake.kill()
        return family
    except psutil.NoSuchProcess:
        return []


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="file for the summary")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ended = torture(Path(folder) / "project", given.kills, given.seed, lambda line: print(line, flush=True))
    print(ended.summary())
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(ended.summary() + "\n")


if __name__ == "__main__":
    main()
