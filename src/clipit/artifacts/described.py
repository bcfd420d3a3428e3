"""Settings as provenance keeps them: what a thing is, not where it lies on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipit.runtime.names import LOCAL

_LOCATIONS = {"path", "captions", "text", "annotations"}


def described(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` without paths; a `local-dir:` model keeps the last part of its path as its name."""
    return {
        key: Path(value.removeprefix(LOCAL)).name if isinstance(value, str) and value.startswith(LOCAL) else value
        for key, value in values.items()
        if key != "files" and not (key in _LOCATIONS and isinstance(value, str))
    }
