"""What every workflow script does around its one library call."""

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from clipit.runtime.cards import take_cards
from clipit.runtime.errors import UserError

_PR_SET_PDEATHSIG = 1


class _Tee:
    """Writes to the terminal, each line after the job's title, and to the job's log: progress shows and is kept."""

    def __init__(self, terminal: IO[str], log: IO[str], title: str) -> None:
        self._terminal, self._log = terminal, log
        self._prefix = f"{title}: " if title else ""
        self._at_start = True

    def write(self, text: str) -> int:
        self._log.write(text)
        for line in text.splitlines(keepends=True):
            self._terminal.write(self._prefix + line if self._at_start else line)
            self._at_start = line.endswith("\n")
        self.flush()
        return len(text)

    def flush(self) -> None:
        self._terminal.flush()
        self._log.flush()

    def isatty(self) -> bool:
        return False


def die_with_parent() -> None:
    """Asks the kernel (Linux) to kill this process when its parent dies: no orphan goes on writing."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def job(log: str, threads: int = 1, title: str = "", *, gpus: int = 0) -> Iterator[None]:
    """Runs a script's body: messages go to the terminal and to `log`, printed output to `log` alone.

    A `UserError` ends it in one line, any other exception in its traceback, both with exit status 1. SIGTERM ends it
    as an exception would, so that temporary files are removed. `title` tells its lines from those of jobs beside it.

    `threads` bounds the numeric libraries' own threads. It comes from the configuration, never from the number of
    cores at hand: one and two threads give different sums, hence different weights. `gpus` is how many cards it is to
    see, of its own.
    """
    die_with_parent()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as file:
        with (
            contextlib.redirect_stderr(_Tee(sys.__stderr__ or sys.stderr, file, title)),
            contextlib.redirect_stdout(file),
        ):
            try:
                take_cards(gpus)
                yield
            except UserError as error:
                print(f"clipit: {error}", file=sys.stderr)
                sys.exit(1)
            except Exception:
                traceback.print_exc()
                sys.exit(1)
