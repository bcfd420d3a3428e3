"""Time and memory of the whole default run, rule by rule, from nothing: `python benchmarks/chain.py`.

The seconds and peaks are Snakemake's own, from the `benchmark` file that every rule writes.
"""

import csv
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bench import Measure, print_table, write_results

# `make demo` from nothing may take eight minutes; the install, which is part of them, is not measured here.
TARGET_SECONDS = 480


@dataclass
class Rule:
    """The jobs of one rule: wall seconds, and peak resident memory in MB where the job lived long enough to see it."""

    seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)


def read_benchmarks(folder: Path) -> dict[str, Rule]:
    """The rules of a run, slowest first, from the TSV files `{rule}.tsv` and `{rule}/….tsv` in `folder`."""
    rules: dict[str, Rule] = defaultdict(Rule)
    for file in sorted(folder.rglob("*.tsv")):
        rule = rules[file.relative_to(folder).with_suffix("").parts[0]]
        with open(file, encoding="utf-8", newline="") as opened:
            for row in csv.DictReader(opened, delimiter="\t"):
                rule.seconds.append(float(row["s"]))
                if row["max_rss"] not in ("-", "NA"):
                    rule.peaks.append(float(row["max_rss"]))
    return dict(sorted(rules.items(), key=lambda item: -sum(item[1].seconds)))


def measures(rules: dict[str, Rule], wall: float) -> list[Measure]:
    """The run's total, then every rule's seconds (sum and longest job) and memory (highest peak)."""
    rows = [Measure("wall time, without the install", wall, "s", target=TARGET_SECONDS)]
    peaks = [peak for rule in rules.values() for peak in rule.peaks]
    if peaks:
        rows.append(Measure("highest peak memory of a job", max(peaks), "MB"))
    for name, rule in rules.items():
        rows.append(Measure(f"{name}: {len(rule.seconds)} jobs, sum", sum(rule.seconds), "s"))
        rows.append(Measure(f"{name}: longest job", max(rule.seconds), "s"))
        if rule.peaks:
            rows.append(Measure(f"{name}: highest peak memory", max(rule.peaks), "MB"))
    return rows


def main() -> int:
    """Runs the default configuration into a fresh folder and reports; gives Snakemake's exit status."""
    project = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory(prefix="clipit-chain-") as results:
        command = [sys.executable, "-m", "snakemake", "--cores", "all", "--config", f"results={results}"]
        start = time.monotonic()
        status = subprocess.run(command, cwd=project, check=False).returncode
        wall = time.monotonic() - start
        if status == 0:
            rows = measures(read_benchmarks(Path(results) / "benchmarks"), wall)
            print_table("The default run", rows)
            path = write_results("chain", rows)
            print(
                f"The target of {TARGET_SECONDS} s includes the install, which is not measured here.\nWritten: {path}"
            )
    return status


if __name__ == "__main__":
    sys.exit(main())
