"""Token ids as open_clip's tokenizers make them, but not truncated and not padded.

open_clip's own call does both, and so hides how much of a text its tower never reads.
"""

from collections.abc import Sequence
from typing import Any

import torch
from open_clip.tokenizer import SigLipTokenizer, SimpleTokenizer, basic_clean, canonicalize_text
from torch import Tensor

from clipit.encoders.retriever import pad


class OpenClipTokens:
    """Splits a tokenizer of open_clip in two: `tokenize`, then `batch` on what was kept of each text.

    Attributes:
        context_length: tokens of a text that `batch` takes at most.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        # In this mode a class token follows the padding and takes one place.
        self._class_token_last = getattr(tokenizer, "tokenizer_mode", "") == "clips"
        self._length: int = tokenizer.context_length
        self.context_length = self._length - self._class_token_last

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special ones included, not truncated."""
        tokenizer = self._tokenizer
        if isinstance(tokenizer, SimpleTokenizer):
            return [[tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id] for text in texts]
        if isinstance(tokenizer, SigLipTokenizer):
            clean = [canonicalize_text(basic_clean(text)) for text in texts]
        else:
            clean = [tokenizer.clean_fn(text) for text in texts]
        inner, special = tokenizer.tokenizer, not self._class_token_last
        ids: list[list[int]] = inner(clean, add_special_tokens=special, truncation=False, verbose=False)["input_ids"]
        return ids if special else [[inner.bos_token_id, *text, inner.eos_token_id] for text in ids]

    def batch(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """What open_clip's text towers take: int64 (B, context), padded to the whole context."""
        if isinstance(self._tokenizer, SimpleTokenizer):
            return pad(tokens, 0, self._length)
        inner = self._tokenizer.tokenizer
        ids = pad(tokens, inner.pad_token_id, self.context_length)
        if getattr(self._tokenizer, "strip_sep_token", False):
            ids[ids == inner.sep_token_id] = 0
        if self._class_token_last:
            ids = torch.cat([ids, torch.full((len(ids), 1), inner.cls_token_id)], dim=1)
        return ids
