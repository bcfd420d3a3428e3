"""Seconds until snakemake has planned a large configuration of which nothing is done: `python benchmarks/plan.py`."""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from bench import Measure, print_table, write_results

SEEDS = 560  # of the default experiment: more than 10,000 jobs
TARGET_SECONDS = 60


def plan(seeds: int) -> tuple[int, float]:
    """How many jobs a dry run of the default experiment with so many seeds plans, and in how many seconds."""
    project = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory(prefix="clipit-plan-") as folder:
        more = Path(folder) / "seeds.yaml"
        more.write_text(
            yaml.safe_dump({"results": f"{folder}/results", "experiments": {"demo": {"seeds": list(range(seeds))}}})
        )
        command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules"]
        command += ["--configfile", "config/config.yaml", str(more)]
        start = time.perf_counter()
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - start
    counted = re.findall(r"^total\s+(\d+)$", done.stdout + done.stderr, flags=re.MULTILINE)
    return int(counted[-1]), seconds


def measure(seeds: int = SEEDS) -> list[Measure]:
    """The large plan, and that of a third of it: the cost must grow no faster than the jobs."""
    fewer, less = plan(seeds // 3)
    jobs, seconds = plan(seeds)
    return [
        Measure(f"planning {jobs:,} jobs", seconds, "s", target=TARGET_SECONDS),
        Measure("a job more", (seconds - less) / (jobs - fewer) * 1000, "ms"),
        Measure(f"planning {fewer:,} jobs", less, "s"),
    ]


if __name__ == "__main__":
    measures = measure()
    print_table("plan", measures)
    print(f"Written: {write_results('plan', measures)}")
