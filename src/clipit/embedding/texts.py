"""Texts through a retriever's text tower, those of like length together."""

from collections.abc import Sequence

import numpy as np

from clipit.encoders.precision import Precision, inference
from clipit.encoders.retriever import Retriever
from clipit.runtime.progress import Progress


def encode_texts(
    retriever: Retriever,
    tokens: Sequence[Sequence[int]],
    *,
    batch: int,
    device: str,
    precision: Precision,
    what: str,
) -> np.ndarray:
    """Unit vectors float32 (texts, d) of token ids, at most `context_length` a text.

    Texts of like length share a batch, so that little padding is computed. `what` names the work to the reader of the
    log.
    """
    embeddings = np.empty((len(tokens), retriever.d), dtype=np.float32)
    order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
    with Progress(what, len(order), "texts") as progress, inference(device, precision):
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            embeddings[rows] = retriever.encode_texts([tokens[row] for row in rows]).cpu().numpy()
            progress.advance(len(rows))
    return embeddings
