"""Splits that are drawn: by hash, so that one more image moves few of the others."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from clipit.runtime.errors import UserError


def with_val(
    given: Mapping[str, str], groups: Mapping[str, str], share: float, seed: int, where: str
) -> dict[str, str]:
    """The `given` split (train, val or test) of each source; where none is val, some of the train ones become val.

    Where all are test, for models that are trained elsewhere, they stay so.

    Args:
        given: split of each source.
        groups: group (patient or slide) of each source, or its own name; a group is never torn.
        share: of the distinct train groups to take; at least one is.
        seed: of the draw.
        where: the data set, for messages.

    Raises:
        UserError: none is train or none is test.
    """
    if all_test(given.values()):
        return dict(given)
    for split in ("train", "test"):
        if split not in given.values():
            raise UserError(f"{where} has no {split} images: name the {split} folder (or fill the split column)")
    if "val" in given.values():
        return dict(given)
    held = held_out((groups[source] for source, split in given.items() if split == "train"), share, seed)
    return {source: "val" if split == "train" and groups[source] in held else split for source, split in given.items()}


def all_test(splits: Iterable[str | None]) -> bool:
    """Whether a data set is one to be tested on and no more."""
    return set(splits) == {"test"}


def drawn_splits(
    labels: Mapping[str, str], test_share: float, val_share: float, seed: int, where: str
) -> dict[str, str]:
    """The split of each source, drawn class by class: `test_share` is test, `val_share` of the rest val.

    Both are rounded to whole sources; of every class at least one is test and one val.

    Args:
        labels: class of each source.
        test_share: of each class.
        val_share: of what is not test, of each class.
        seed: of the draw.
        where: the data set, for messages.

    Raises:
        UserError: that leaves a class without a train image.
    """
    of_class: dict[str, list[str]] = defaultdict(list)
    for source, label in labels.items():
        of_class[label].append(source)
    split = dict.fromkeys(labels, "train")
    for label, sources in of_class.items():
        test = held_out(sources, test_share, seed)
        rest = [source for source in sources if source not in test]
        val = held_out(rest, val_share, seed)
        if len(val) == len(rest):
            raise UserError(
                f"{where}: class {label!r} has {len(sources)} images, too few to have some in train, val and test: "
                "add images, or lower test_share and val_share"
            )
        split |= dict.fromkeys(test, "test") | dict.fromkeys(val, "val")
    return split


def held_out(groups: Iterable[str], share: float, seed: int) -> set[str]:
    """A share of the distinct groups, at least one, chosen by hash."""

    def fate(group: str) -> bytes:
        return hashlib.sha256(f"{seed}:{group}".encode()).digest()

    distinct = sorted(set(groups), key=fate)
    return set(distinct[: max(1, round(share * len(distinct)))])
