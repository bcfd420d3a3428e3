"""Which images are shown where there are too many: the same ones every time, every split and class among them."""

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np

FEW = 10


def shares(sizes: Sequence[int], total: int, few: int = FEW) -> list[int]:
    """How many of `total` each group gives, groups of `sizes`: `few` or all it has, and of the rest in proportion.

    Where `total` is too small for that, `few` is as many as each can give alike. What proportion leaves over by
    rounding goes to the largest remainders, the first group where these are equal.
    """
    if sum(sizes) <= total:
        return list(sizes)
    few = min(few, total // len(sizes))
    given = [min(size, few) for size in sizes]
    room = [size - share for size, share in zip(sizes, given, strict=True)]
    rest, all_room = total - sum(given), sum(room)
    given = [share + rest * more // all_room for share, more in zip(given, room, strict=True)]
    order = sorted(range(len(sizes)), key=lambda i: (-(rest * room[i] % all_room), i))
    for i in order[: total - sum(given)]:
        given[i] += 1
    return given


def draw(names: Sequence[str], groups: Sequence[Hashable], total: int) -> np.ndarray:
    """Rows, int64 ascending, of the `total` items to show: of each group its share, least SHA-256 of the name first."""
    members: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    rows: list[int] = []
    for member, share in zip(members.values(), shares([len(m) for m in members.values()], total), strict=True):
        if share < len(member):
            member = sorted(member, key=lambda row: hashlib.sha256(names[row].encode()).digest())[:share]
        rows += member
    return np.sort(np.array(rows, dtype=np.int64))
