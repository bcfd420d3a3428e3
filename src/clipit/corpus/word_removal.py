"""Leaves words out of a report at random: how much of the text does a method need?"""

import hashlib

import numpy as np


def remove_words(text: str, percent: int, name: str) -> str:
    """`text` without some of its words, each left out with a probability of `percent` / 100.

    The draws come from `name` (the report's id) alone, so what 20% leave out holds what 10% do. Of a text that would be
    empty, the word that would go last stays. White space between the kept words becomes a blank, or a line break where
    there was one.
    """
    if not percent:
        return text
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    words = [line.split() for line in text.split("\n")]
    draws = np.random.default_rng(seed).random(sum(map(len, words)))
    if not len(draws):
        return text
    kept = draws >= min(percent / 100, draws.max())
    lines, at = [], 0
    for line in words:
        lines.append(" ".join(word for word, keep in zip(line, kept[at : at + len(line)], strict=True) if keep))
        at += len(line)
    return "\n".join(line for line in lines if line)
