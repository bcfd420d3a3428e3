"""Entries of the configuration as the plain, sorted data that rules hand to scripts."""

from collections.abc import Collection, Mapping
from typing import Any

from clipit.config.strict import Strict


def plain(entry: Strict) -> dict[str, Any]:
    """An entry as plain data with sorted keys, whatever their order in the file."""
    return _sorted(entry.model_dump(by_alias=True))


def without(entry: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """`entry` without `keys`."""
    return {key: value for key, value in entry.items() if key not in keys}


def _sorted(value: Any) -> Any:
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value
