"""Calls that die in the middle, at a point that is chosen: at their nth file operation, or at their nth byte.

    points = kill_everywhere("download_file", [url, str(out)], {}, folder)

runs the call in processes of their own that SIGKILL themselves before their first file operation, their second, and so
on. After each the call runs once more, to the end; what `folder` then holds must be what an uninterrupted call leaves.
"""

import hashlib
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_OPERATIONS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "fcntl.flock"}


def kill_everywhere(
    call: str,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    folder: Path,
    *,
    operations: Iterable[int] = (),
    sizes: Iterable[int] = (),
) -> int:
    """Kills `call` before its file operations of these numbers (all by default), or when a file gets this long.

    `folder` is put back to what it holds now before each. Gives the number of calls that were killed.
    """
    plan = [call, arguments, dict(options), str(folder), list(operations), list(sizes)]
    done = subprocess.run(
        [sys.executable, __file__], input=json.dumps(plan), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout)


def digest(folder: Path) -> dict[str, str]:
    """Every path below `folder`, with the SHA-256 of the files."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


def _die_before_operation(number: int, folder: str) -> None:
    count = itertools.count()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        # Modules are opened too, when they are first used.
        if event in _OPERATIONS and (event != "open" or folder in str(arguments[0])) and next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _die_at_size(n: int) -> None:
    """The kernel ends a process that writes past its limit, unless it asks not to."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (n, n))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def _run(plan: Sequence[Any], operation: int | None = None, size: int | None = None) -> int:
    """The exit status of one call in a process of its own; negative if it was killed."""
    from clipit.sources.archives import unpack
    from clipit.sources.download import download_file

    call, arguments, options, folder, *_ = plan
    pid = os.fork()
    if pid == 0:
        if operation is not None:
            _die_before_operation(operation, folder)
        if size is not None:
            _die_at_size(size)
        {"download_file": download_file, "unpack": unpack}[call](*arguments, **options)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _main() -> None:
    plan = json.load(sys.stdin)
    folder, operations, sizes = Path(plan[3]), plan[4], plan[5]
    with tempfile.TemporaryDirectory() as kept:
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        assert _run(plan) == 0
        expected = digest(folder)
        points = [(n, None) for n in operations] + [(None, n) for n in sizes]
        killed = 0
        for operation, size in points or ((n, None) for n in itertools.count()):
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
            status = _run(plan, operation, size)
            if status == 0 and not points:  # it has fewer operations than that
                break
            assert status in (-signal.SIGKILL, -signal.SIGXFSZ), (operation, size, status)
            left = digest(folder)
            assert _run(plan) == 0, (operation, size, left)
            assert digest(folder) == expected, (operation, size, left, digest(folder))
            killed += 1
    print(killed)


if __name__ == "__main__":
    _main()
