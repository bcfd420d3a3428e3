"""How many cores a process may use: in a container or a cluster's job, fewer than the machine has."""

import os
from pathlib import Path

from clipit.runtime.control_group import core_limit


def counted_cores() -> int:
    """Those that the scheduler may put this process on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_cores(root: Path = Path("/")) -> int:
    """Those, or fewer where the control group leaves less of their time; at least one. `root` holds proc and sys."""
    return max(1, min(counted_cores(), int(core_limit(root) or counted_cores())))
