"""Fewer labels: the same patches, of which only a share of the labelled ones keep their label."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from clipit.training.examples import UNLABELLED, Examples

# Groups of a class that are weighed at once. The best of all groups would be nearer to the full set's shares by a hair,
# and nearly the same groups for every seed, so that an interval over seeds would leave the draw of labels out.
_CHOICE = 2


def keep_labels(examples: Examples, fraction: float, seed: int) -> Examples:
    """`examples` with the labels of about `fraction` of the labelled train patches, and likewise of the val patches.

    The other labels of the two splits become `UNLABELLED`; those of test stay. A group (patient or slide) keeps all its
    labels or none; a patch without a group is one of its own. The groups of a split stand in an order that `seed` alone
    decides: it opens with every class and then follows the shares of the classes in the split. The shortest start of
    that order is kept that has every class and at least `fraction` of the labels, so a smaller fraction's labels are
    among those of a larger one.

    Raises:
        ValueError: `fraction` is not in (0, 1].
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"{fraction} is no fraction of the labels: it must be above 0 and at most 1")
    if fraction == 1:
        return examples
    label = examples.label.copy()
    for split, rng in zip(("train", "val"), np.random.default_rng(seed).spawn(2), strict=True):
        labelled = examples.labelled(split)
        group = _numbers([examples.group[position] for position in labelled], rng)
        counts = np.zeros((len(np.unique(group)), len(examples.classes)), dtype=np.int64)
        np.add.at(counts, (group, label[labelled]), 1)
        # Rounded first: 0.07 x 100 is 7.000000000000001.
        wanted = int(np.ceil(round(fraction * len(labelled), 6)))
        label[labelled[~np.isin(group, _start(counts, wanted))]] = UNLABELLED
    return replace(examples, label=label)


def _numbers(names: Sequence[str | None], rng: np.random.Generator) -> np.ndarray:
    """(n,) the group of each patch, numbered from 0 at random; where the name is None, the patch alone is one."""
    number: dict[str | int, int] = {}
    keys = [position if name is None else name for position, name in enumerate(names)]
    found = np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64)
    return rng.permutation(len(number))[found]


def _start(counts: np.ndarray, wanted: int) -> list[int]:
    """The first groups of the order, as few as hold `wanted` patches and every class that there is."""
    start: list[int] = []
    missing, kept = counts.any(axis=0), 0
    for group in _order(counts):
        if kept >= wanted and not missing.any():
            break
        start.append(group)
        missing = missing & (counts[group] == 0)
        kept += counts[group].sum()
    return start


def _order(counts: np.ndarray) -> Iterator[int]:
    """All groups: first one for every class, then always the one after which the classes' shares are the truest.

    Weighed are the next `_CHOICE` groups of each class, a group counting to the class that it has most of for that
    class's size. Their number bounds the work of a step: the whole is linear in the number of groups.

    Args:
        counts: (groups, classes) patches; the groups are shuffled already, and the first wins where several are equal.
    """
    total = counts.sum(axis=0)
    richest = (counts / np.maximum(total, 1)).argmax(axis=1)
    opening = _opening(counts)
    queues = [deque(np.setdiff1d(np.flatnonzero(richest == one), opening).tolist()) for one in range(len(total))]
    yield from opening
    kept = counts[opening].sum(axis=0)
    while heads := sorted(group for queue in queues for group in islice(queue, _CHOICE)):
        group = heads[int(_distance(kept + counts[heads], total).argmin())]
        queues[richest[group]].remove(group)
        kept = kept + counts[group]
        yield group


def _opening(counts: np.ndarray) -> list[int]:
    """The first group of each class, the rarest class first; a class that a group before it brings needs none."""
    total = counts.sum(axis=0)
    opening: list[int] = []
    for one in np.argsort(total, kind="stable"):
        if total[one] and not counts[opening, one].any():
            opening.append(int((counts[:, one] > 0).argmax()))
    return opening


def _distance(kept: np.ndarray, total: np.ndarray) -> np.ndarray:
    """(k,) how far the classes' shares in each of `kept` (k, classes) are from those in `total`, up to a factor.

    In integers up to the last division, so that what is equal compares as equal.
    """
    n = kept.sum(axis=1, keepdims=True)
    return np.abs(kept * total.sum() - n * total).sum(axis=1) / n[:, 0]
