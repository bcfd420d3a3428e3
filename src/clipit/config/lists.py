"""A single value stands for a list of one."""

from typing import Any


def as_list(value: Any) -> list[Any]:
    """`value` as a list."""
    return value if isinstance(value, list) else [value]
