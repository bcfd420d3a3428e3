"""One of several processes that train a student: `python -m clipit.training.replica`, its task as JSON on stdin."""

import json
import os
import signal
import sys
import time
import traceback
from typing import NoReturn

from clipit.runtime.errors import UserError
from clipit.runtime.lifeline import die_with_parent


def main() -> None:
    """Trains; of what went wrong it tells its parent on the standard output, to which nothing else is printed."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to its job as well, which ends it
    report = os.dup(1)
    os.dup2(2, 1)
    task = json.load(sys.stdin)
    if os.getppid() != task["parent"]:  # which had died before it could take this process along
        sys.exit(1)
    try:
        # Imported here: what goes wrong with these is told too.
        from clipit.training.replicas import from_json
        from clipit.training.student import train_student

        train_student(**from_json(task["arguments"]))
    except UserError as error:
        _fail(report, "user", str(error))
    except Exception:
        _fail(report, "trace", traceback.format_exc())


def _fail(report: int, kind: str, text: str) -> NoReturn:
    os.write(report, json.dumps({kind: text, "at": time.monotonic()}).encode())
    sys.stderr.flush()
    os._exit(1)  # what a library does at a usual exit may wait for the other processes


if __name__ == "__main__":
    main()
