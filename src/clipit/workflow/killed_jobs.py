"""Jobs that were killed: Snakemake's message shows a command and a signal, this one says what it most often means."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

# bash gives 128 + 9 for a command that was killed, unless it had made place for it.
_KILLED = re.compile(
    r"/scripts/\w+\.(\w+)\.py\S*'? (?:died with <Signals\.SIGKILL: 9>|returned non-zero exit status 137)"
)


def tell_killed(logs: Iterable[str | Path]) -> None:
    """Prints a line for each rule of which a job was killed, by Snakemake's own log files."""
    text = "".join(Path(log).read_text(encoding="utf-8", errors="replace") for log in logs)
    for rule in dict.fromkeys(_KILLED.findall(text)):
        print(
            f"clipit: {rule} was killed (SIGKILL), most often since the memory ran out: run again with fewer jobs at a "
            f"time (--cores 1) or a smaller batch, on a cluster with --set-resources {rule}:mem_mb=16000; what is "
            "finished stays, a training goes on from its last validation",
            file=sys.stderr,
        )
