"""A student's training in a process of its own, its arguments on the standard input, that can be killed.

python training_process.py                 trains; with several processes it is their job
python training_process.py os.rename 2     kills itself before the second such operation on a file of kept state
"""

import dataclasses
import itertools
import json
import os
import signal
import sys
from typing import Any


def _die_before(event: str, number: int) -> None:
    count = itertools.count(1)

    def hook(name: str, operands: tuple[Any, ...]) -> None:
        if name == event and str(operands[0]).endswith(".ckpt") and next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _main() -> None:
    from clipit.training.replicas import from_json
    from clipit.training.student import train_student

    arguments = from_json(json.load(sys.stdin)["arguments"])
    if len(sys.argv) > 1:
        _die_before(sys.argv[1], int(sys.argv[2]))
    train_student(**{**arguments, "fit": dataclasses.replace(arguments["fit"], rank=None)})


if __name__ == "__main__":
    _main()
