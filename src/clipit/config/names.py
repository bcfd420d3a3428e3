"""Names that clipit gives itself; no entry of a catalog may take them."""

COLOUR = "colour"
"""The backbone of the variant that uses none: mean and standard deviation of the colours."""

DRAWN = "random_seed"
"""Prefix of the pairings that `random_pairing` draws, one a seed; no pairing of a catalog may begin so."""

TEACHER = "teacher"
"""The variant name under which a teacher's files lie; its `backbone` is the retriever it classifies embeddings of."""
