"""A job ends with the snakemake that started it: no orphan goes on writing."""

import contextlib
import ctypes
import os
import select
import signal
import sys
import threading

from clipit.runtime.errors import UserError

_SNAKEMAKE = "CLIPIT_SNAKEMAKE"
_PR_SET_PDEATHSIG = 1


def lead() -> None:
    """Says that the jobs started by this process end with it."""
    os.environ[_SNAKEMAKE] = str(os.getpid())


def die_with_parent() -> None:
    """Asks the kernel (Linux) to kill this process when the process that started it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def die_with_snakemake() -> None:
    """As `die_with_parent`, and with the snakemake that called `lead`, which may stand behind a shell.

    Raises:
        UserError: that snakemake is gone already: it was killed while this process was starting.
    """
    die_with_parent()
    leader = os.environ.get(_SNAKEMAKE)
    if leader is None or not hasattr(os, "pidfd_open"):  # run by hand; not Linux
        return
    try:
        descriptor = os.pidfd_open(int(leader))
    except ProcessLookupError:
        raise UserError(f"the snakemake that started this job (process {leader}) is gone: run it again") from None
    except OSError:  # a kernel older than 5.3, or a sandbox that does not offer it
        return
    threading.Thread(target=_die_after, args=(descriptor,), daemon=True).start()


def _die_after(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        select.select([descriptor], [], [])  # readable once that process has ended
        os.kill(os.getpid(), signal.SIGKILL)
