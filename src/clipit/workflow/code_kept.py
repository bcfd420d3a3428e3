"""What digests of code were made of, kept so that it can be said which module an edit changed."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from clipit.artifacts.atomic import write_text
from clipit.runtime.errors import UserError


def keep_modules(path: str | Path, modules: Mapping[str, str]) -> None:
    """Writes the digest of each module to `path`, named by the digest over all of them, unless that was done before.

    Where nothing can be written, a job will say so; for want of this note alone, no run need end.
    """
    if not Path(path).is_file():
        with contextlib.suppress(UserError):
            write_text(path, json.dumps(modules) + "\n")


def changed_modules(path: str | Path, modules: Mapping[str, str]) -> list[str] | None:
    """The names that `modules` and those kept at `path` do not share alike, sorted; None if none were kept there."""
    try:
        before = json.loads(Path(path).read_text())
    except (OSError, ValueError):
        return None
    return sorted(name for name in before.keys() | modules.keys() if before.get(name) != modules.get(name))
