"""Whether a cluster that is here answers."""

import shutil
import subprocess
from collections.abc import Callable

from clipit.doctor.finding import Finding

PLUGIN = "snakemake-executor-plugin-slurm"
_TIMEOUT = 15.0  # seconds


def slurm(plugin: str | None, which: Callable[[str], str | None] = shutil.which, timeout: float = _TIMEOUT) -> Finding:
    """Asks SLURM's controller for its partitions, where SLURM's commands are on the path.

    `plugin` is the version of snakemake's executor for it, None where it is not installed; `which` finds commands.
    """
    if which("sbatch") is None:
        return Finding("cluster", "PASS", "none here (no `sbatch`): jobs run on this machine")
    if plugin is None:
        return Finding("cluster", "WARN", f"SLURM is here, but {PLUGIN} is not installed", "run `make -B install`")
    here = "jobs still run on this machine, without a cluster's profile"
    sinfo = which("sinfo")
    if sinfo is None:
        return Finding("cluster", "WARN", "SLURM's `sbatch` is here, but no `sinfo` to ask", f"ask who runs it; {here}")
    command = [sinfo, "--noheader", "--format=%R %a"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return Finding("cluster", "WARN", f"SLURM's controller does not answer within {timeout:g} s", f"wait; {here}")
    except OSError as error:
        return Finding("cluster", "WARN", f"SLURM's `sinfo` cannot be run ({error.strerror})", f"mend it; {here}")
    if asked.returncode != 0:
        said = asked.stderr.strip().partition("\n")[0] or f"status {asked.returncode}"
        return Finding("cluster", "WARN", f"SLURM's controller does not answer ({said})", f"ask who runs it; {here}")
    partitions = [name for name, state in (line.split() for line in asked.stdout.splitlines() if line) if state == "up"]
    if not partitions:
        return Finding("cluster", "WARN", "SLURM answers, and has no partition that is up", f"ask who runs it; {here}")
    return Finding("cluster", "PASS", f"SLURM answers, partitions: {', '.join(partitions)}")
