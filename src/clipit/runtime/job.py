"""What every workflow script does around its one library call."""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from clipit.runtime.cards import take_cards
from clipit.runtime.errors import UserError
from clipit.runtime.lifeline import die_with_snakemake
from clipit.runtime.refused import told_when_refused, why_full


class _Tee:
    """Writes to the terminal, each line after the job's title, and to the job's log: progress shows and is kept.

    A log that takes no more, on a full disk, ends no job: what cannot be done without room will say so itself.
    """

    def __init__(self, terminal: IO[str], log: IO[str], title: str) -> None:
        self._terminal, self._log = terminal, log
        self._prefix = f"{title}: " if title else ""
        self._at_start = True

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._log.write(text)
        for line in text.splitlines(keepends=True):
            self._terminal.write(self._prefix + line if self._at_start else line)
            self._at_start = line.endswith("\n")
        self.flush()
        return len(text)

    def flush(self) -> None:
        self._terminal.flush()
        with contextlib.suppress(OSError):
            self._log.flush()

    def isatty(self) -> bool:
        return False


def _close(log: IO[str]) -> None:
    with contextlib.suppress(OSError):
        log.close()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Ends as an exception would; asked again, it goes on with that."""
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, signal.SIG_IGN)
    sys.exit(128 + number)


@contextlib.contextmanager
def job(log: str, threads: int = 1, title: str = "", *, gpus: int = 0) -> Iterator[None]:
    """Runs a script's body: messages go to the terminal and to `log`, printed output to `log` alone.

    A `UserError` ends it in one line, and so does a full disk; any other exception in its traceback; all with exit
    status 1. SIGTERM and SIGINT (Ctrl-C) end it as an exception would, so that temporary files are removed. It ends
    with its snakemake. `title` tells its lines from those of jobs beside it.

    `threads` bounds the numeric libraries' own threads. It comes from the configuration, never from the number of
    cores at hand: one and two threads give different sums, hence different weights. `gpus` is how many cards it is to
    see, of its own.
    """
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, _end)
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with contextlib.ExitStack() as stack:
        try:
            with told_when_refused(log):
                Path(log).parent.mkdir(parents=True, exist_ok=True)
                file = open(log, "w", encoding="utf-8")  # noqa: SIM115 - closed below, whatever its disk says
            stack.callback(_close, file)
            stack.enter_context(contextlib.redirect_stderr(_Tee(sys.__stderr__ or sys.stderr, file, title)))
            stack.enter_context(contextlib.redirect_stdout(file))
            die_with_snakemake()
            take_cards(gpus)
            yield
        except UserError as error:
            print(f"clipit: {error}", file=sys.stderr)
            sys.exit(1)
        except Exception as error:
            if why := why_full(error):
                print(f"clipit: no room on a disk ({why}): make room and run again", file=sys.stderr)
            else:
                traceback.print_exc()
            sys.exit(1)
