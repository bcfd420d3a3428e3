"""How long a run will still take, from what its jobs have taken so far, and before."""

import csv
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean


class TimeLeft:
    """Counts a run's jobs as they start and end. `jobs` are those of each rule."""

    def __init__(self, jobs: Mapping[str, int], clock: Callable[[], float] = time.monotonic) -> None:
        self._left, self._clock = Counter(jobs), clock
        self._begun: dict[int, tuple[str, float]] = {}
        self._took: dict[str, list[float]] = defaultdict(list)
        self._before: dict[str, float] = {}
        self._start = clock()

    def starts(self, job: int, rule: str, benchmark: str | None = None) -> None:
        """A job begins. Beside `benchmark`, its measurement to be, lie those of earlier runs."""
        self._begun[job] = rule, self._clock()
        folder, found, _ = (benchmark or "").partition(f"/{rule}/")
        if found and not self._before:
            measured = {each: _seconds(Path(folder) / each) for each in self._left}
            self._before = {each: fmean(seconds) for each, seconds in measured.items() if seconds}

    def ends(self, job: int) -> float:
        """A job has ended, well or not; gives the seconds that it took."""
        rule, begun = self._begun.pop(job)
        self._took[rule].append(self._clock() - begun)
        self._left[rule] -= 1
        return self._took[rule][-1]

    def seconds(self) -> tuple[float, bool] | None:
        """The seconds that are left, with as many jobs side by side as so far; None while nothing is known.

        A rule's jobs are taken to last as those of this run on average, else as those before it, else as all. The
        second value says whether there is a measurement of every rule to come: without, long jobs may be to come.
        """
        means = self._before | {rule: fmean(took) for rule, took in self._took.items()}
        if not means:
            return None
        ran = sum(map(sum, self._took.values()))
        running = sum(self._clock() - begun for _, begun in self._begun.values())
        side_by_side = max((ran + running) / max(self._clock() - self._start, 1e-9), 1)
        anything = fmean(means.values())
        left = sum(n * means.get(rule, anything) for rule, n in self._left.items())
        return max(left - running, 0) / side_by_side, all(rule in means for rule, n in self._left.items() if n)


def _seconds(folder: Path) -> list[float]:
    """What Snakemake measured of the jobs whose benchmarks lie in `folder`."""
    found = []
    for file in sorted(folder.rglob("*.tsv")):
        try:
            with open(file, newline="", encoding="utf-8") as rows:
                found += [float(row["s"]) for row in csv.DictReader(rows, delimiter="\t")]
        except (OSError, ValueError, KeyError):
            continue
    return found
