"""Names that clipit gives itself; no entry of a catalog may take them."""

import re

COLOUR = "colour"
"""The backbone of the variant that uses none: mean and standard deviation of the colours."""

DRAWN = ("random_seed", "random_of_", "shuffled_seed", "shuffled_of_")
"""Prefixes of the pairings that are drawn as controls, one a seed; no pairing of a catalog may begin so."""

ORACLE = "oracle"
"""The pairing of `oracle_pairing`."""

TEACHER = "teacher"
"""The variant name under which a teacher's files lie; its `backbone` is the retriever it classifies embeddings of."""

TEXT_TEACHER = "text_teacher"
"""As `TEACHER`, of a teacher that adapts the text tower too."""


def drawn_pairing(control: str, of: str | None) -> str:
    """The pairing drawn as a control of the pairing `of`, where it depends on that one; the seed is to follow."""
    return f"{control}_of_{of}_seed" if of else f"{control}_seed"


def words_removed(corpus: str, share: int) -> str:
    """The corpus of the variants `words_removed_…`: `corpus` less `share` percent of its words."""
    return f"{corpus}_words_removed_{share}"


def whole_corpus(name: str) -> str:
    """The corpus that `name` is, or has words removed of."""
    return re.sub(r"_words_removed_\d+$", "", name)
