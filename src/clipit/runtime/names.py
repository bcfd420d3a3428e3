"""How names say where a model is, and what a mistyped one may have meant."""

import difflib
from collections.abc import Iterable

HUB = "hf-hub:"
"""Before `organisation/model`: a repository of the Hugging Face hub."""

LOCAL = "local-dir:"
"""Before the path of a folder with a saved model."""


def nearest(name: str, known: Iterable[str], n: int = 1) -> str:
    """`, did you mean 'a' or 'b'?` for a message: the `n` names most like `name`; empty where none is."""
    close = difflib.get_close_matches(name, list(known), n)
    return f", did you mean {' or '.join(map(repr, close))}?" if close else ""
