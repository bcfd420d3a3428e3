"""When each job of the chain ran, as inline SVG: what waited for what, and how many went side by side."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from clipit.reporting.stage_times import listed_jobs, read_benchmark
from clipit.reporting.svg import COLOURS, INK, drawing, inline

_IDLE = 60.0
"""Seconds in which nothing ran; longer ones are cut out: between two runs lie days."""
_ROW = 0.21  # inches


class Ran(NamedTuple):
    """A job's start and end, in seconds."""

    begin: float
    end: float


def timeline(job_list: str | Path) -> Markup | None:
    """A bar for each job of `job_list` with a benchmark, a line for each rule; None where fewer than two have one.

    A job ended when Snakemake wrote its benchmark, and began so many seconds before as that says.
    """
    ran = {rule: list(_ran(paths)) for rule, paths in listed_jobs(job_list).items()}
    ran = {rule: jobs for rule, jobs in ran.items() if jobs}
    everything = [job for jobs in ran.values() for job in jobs]
    if len(everything) < 2:
        return None
    shown, cuts, length = without_idle(everything)
    unit, name = (3600.0, "hours") if length > 5400 else (60.0, "minutes") if length > 90 else (1.0, "seconds")
    rules = sorted(ran, key=lambda rule: min(shown[job].begin for job in ran[rule]))
    with drawing("timeline"):
        figure = Figure(figsize=(7.5, 0.9 + _ROW * len(rules)), layout=ConstrainedLayoutEngine(w_pad=0.12))
        axes = figure.subplots()
        for row, rule in enumerate(rules):
            bars = [(shown[job].begin / unit, (shown[job].end - shown[job].begin) / unit) for job in ran[rule]]
            # Jobs of a rule lie over each other where they ran side by side: the darker, the more.
            axes.broken_barh(bars, (row - 0.36, 0.72), color=COLOURS[1], alpha=0.6, linewidth=0.4, edgecolor=COLOURS[1])
        for cut in cuts:
            axes.axvline(cut / unit, color=INK, alpha=0.5, linewidth=0.8, linestyle=":")
        axes.set_yticks(range(len(rules)), rules)
        axes.set_ylim(len(rules) - 0.4, -0.6)
        axes.set_xlim(0, length / unit)
        pause = "; a dotted line is a pause that was cut out" if cuts else ""
        axes.set_xlabel(f"{name}{pause}")
        axes.grid(axis="x", alpha=0.15, color=INK)
        return inline(figure, f"When {len(everything)} jobs of {len(rules)} rules ran, in {length / unit:.1f} {name}")


def without_idle(jobs: Sequence[Ran]) -> tuple[Mapping[Ran, Ran], list[float], float]:
    """Jobs -> where they are drawn, from 0 on and without long pauses; where pauses were cut; the length of it all."""
    drawn: dict[Ran, Ran] = {}
    cuts: list[float] = []
    ordered = sorted(set(jobs))
    shift = busy = ordered[0].begin
    for job in ordered:
        if job.begin - busy > _IDLE:
            shift += job.begin - busy
            cuts.append(job.begin - shift)
        drawn[job] = Ran(job.begin - shift, job.end - shift)
        busy = max(busy, job.end)
    return drawn, cuts, busy - shift


def _ran(paths: Sequence[str]) -> Iterator[Ran]:
    for path in paths:
        if (spent := read_benchmark(path)) is not None:
            end = Path(path).stat().st_mtime
            yield Ran(end - spent.seconds, end)
