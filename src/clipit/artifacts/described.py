"""Settings as provenance keeps them: what a thing is, not where it lies on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipit.runtime.names import LOCAL

_LOCATIONS = {"path", "captions", "text", "annotations"}
_FOLDERS = {"text_tower"}
"""What may name a model by a plain path."""


def described(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` without paths; a model in a folder of one's own keeps the last part of its path as its name."""
    return {
        key: Path(value.removeprefix(LOCAL)).name if _is_folder(key, value) else value
        for key, value in values.items()
        if key != "files" and not (key in _LOCATIONS and isinstance(value, str))
    }


def _is_folder(key: str, value: Any) -> bool:
    return isinstance(value, str) and (key in _FOLDERS or value.startswith(LOCAL))
