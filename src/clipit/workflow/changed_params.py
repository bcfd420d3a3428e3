"""What differs between the parameters that a job ran with and those that it would run with now, in words."""

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import Any

_MOST = 60  # characters of a value
_OWN_FILES = "fingerprint"


def changed_params(now: Mapping[str, Any], before: Collection[str]) -> Iterator[str]:
    """A line for each difference: `now` are parameters whose values are new, `before` those that went, as Python writes
    them and without their names, which Snakemake does not keep."""
    left = [value for text in sorted(before) if (value := _read(text)) is not _UNREADABLE]
    for name, value in now.items():
        old = max((each for each in left if _alike(each, value)), key=lambda each: _shared(each, value), default=None)
        if old is not None:
            left.remove(old)
        if name == _OWN_FILES:
            yield "own files changed"
        else:
            yield from _differences(name, old, value)


def _read(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return _UNREADABLE


def _alike(one: Any, other: Any) -> bool:
    numbers = (int, float)
    return type(one) is type(other) or (isinstance(one, numbers) and isinstance(other, numbers))


def _shared(one: Any, other: Any) -> int:
    """How much two values have in common, to tell which of the old ones a new one replaces."""
    if isinstance(one, dict):
        return sum(1 + (one[key] == other[key]) for key in one.keys() & other.keys())
    return len(set(map(repr, one)) & set(map(repr, other))) if isinstance(one, list) else 0


def _differences(name: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys(), key=str):
            if key not in new:
                yield f"{name}.{key} is gone (was {_short(old[key])})"
            elif key not in old:
                yield f"{name}.{key} is {_short(new[key])}, was not there"
            elif old[key] != new[key]:
                yield from _differences(f"{name}.{key}", old[key], new[key])
    elif old is None:
        yield f"{name} is {_short(new)}"
    else:
        yield f"{name} is {_short(new)}, was {_short(old)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


_UNREADABLE = object()
