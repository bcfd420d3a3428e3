"""What every benchmark shares: a measure, the table on the terminal, the file under results/bench."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from clipit.artifacts.atomic import write_text
from clipit.artifacts.paths import Paths


@dataclass(frozen=True)
class Measure:
    """One number, beside the same number of a plain alternative measured in the same run (`baseline`) if there is one.

    `target` bounds the ratio value / baseline where there is a baseline, else the value: from above if lower is
    better, else from below.
    """

    metric: str
    value: float
    unit: str
    baseline: float | None = None
    target: float | None = None
    lower_is_better: bool = True

    @property
    def ratio(self) -> float | None:
        return self.value / self.baseline if self.baseline else None

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        judged = self.value if self.ratio is None else self.ratio
        return judged <= self.target if self.lower_is_better else judged >= self.target


def write_results(name: str, measures: Sequence[Measure], paths: Paths | None = None) -> str:
    """Writes `measures` to results/bench/{name}.json and gives the path."""
    path = (paths or Paths()).bench(name)
    rows = [{**asdict(measure), "ratio": measure.ratio, "met": measure.met} for measure in measures]
    write_text(path, json.dumps(rows, indent=1) + "\n")
    return path


def print_table(title: str, measures: Sequence[Measure]) -> None:
    """Prints `measures` as one table."""
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    for column in ("value", "unit", "baseline", "ratio", "target", "met"):
        table.add_column(column, justify="right")
    for measure in measures:
        bound = "" if measure.target is None else f"{'≤' if measure.lower_is_better else '≥'} {measure.target:g}"
        met = {None: "", True: "yes", False: "[bold red]no[/]"}[measure.met]
        value, baseline, ratio = (_number(number) for number in (measure.value, measure.baseline, measure.ratio))
        table.add_row(measure.metric, value, measure.unit, baseline, ratio, bound, met)
    Console().print(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def peak_megabytes() -> float:
    """The highest resident memory of this process so far (`ru_maxrss` starts from that of the parent)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("/proc/self/status tells no VmHWM: this benchmark runs on Linux")


def anonymous_megabytes() -> float:
    """Memory of this process that no file backs. Pages of memory-mapped files, which count as resident too, are the
    system's cache: it takes them back when it needs them."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("/proc/self/status tells no RssAnon: this benchmark runs on Linux")


def in_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """`function` of the `arguments`, in a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()
