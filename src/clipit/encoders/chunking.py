"""Cuts texts into chunks that a text tower takes whole, at the ends of sentences where it can.

A sentence ends with a word that ends in `.`, `!`, `?` or `;` where the next word does not begin in lower case, and with
a line. So "1.2 cm" and "approx. two" are not cut; where the rule errs ("Dr. Smith"), two chunks part at an odd place,
and nothing is lost.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

Tokenize = Callable[[Sequence[str]], list[list[int]]]
Span = tuple[int, int]
"""First character of a stretch of a text, and the one after its last."""

_WORD = re.compile(r"\S+")
_END = re.compile(r"[.!?;][\"'’”)\]]*$")


@dataclass(frozen=True)
class _Part:
    """What is never cut: a sentence, or as much of a long one as fits."""

    start: int
    stop: int
    tokens: int


class TokenCounter:
    """Tokens of words, each counted once; a text's tokens are about the sum of its words'.

    Args:
        tokenize: gives the ids of texts, special ones included, not truncated.
        texts: whose words are counted.
    """

    def __init__(self, tokenize: Tokenize, texts: Iterable[str]) -> None:
        self.tokenize = tokenize
        self.special = len(tokenize([""])[0])
        """Tokens that every text has besides its own: start and end."""
        self._known: dict[str, int] = {}
        self.learn({word for text in texts for word in text.split()})

    def learn(self, words: Iterable[str]) -> None:
        """Counts the words that are not known yet, in one call."""
        new = sorted(set(words) - self._known.keys())
        if new:  # tokenizers do not take an empty list
            counted = zip(new, self.tokenize(new), strict=True)
            self._known |= {word: max(1, len(ids) - self.special) for word, ids in counted}

    def __call__(self, word: str) -> int:
        """Tokens of a word."""
        if word not in self._known:
            self.learn([word])
        return self._known[word]

    def of(self, text: str) -> int:
        """Tokens of a text, special ones not counted."""
        return sum(map(self, text.split()))


def cut(
    texts: Sequence[str],
    count: TokenCounter,
    context_length: int,
    *,
    overlap: int = 0,
    read: Sequence[Sequence[Span]] | None = None,
) -> list[list[Span]]:
    """The chunks of each text; every character that is no space lies in one.

    Args:
        texts: what to cut.
        count: of the texts' words.
        context_length: ids of a chunk at most.
        overlap: tokens that a chunk repeats of the one before it, in whole sentences, at most.
        read: the stretches of each text that are cut, no chunk across two of them; None: all of it.
    """
    read = [[(0, len(text))] for text in texts] if read is None else read
    budget = [max(1, context_length - count.special)] * len(texts)
    chunks: list[list[Span]] = [[] for _ in texts]
    open_texts = list(range(len(texts)))
    while open_texts:
        for i in open_texts:
            parts = [_parts(texts[i], span, count, budget[i]) for span in read[i]]
            chunks[i] = [chunk for stretch in parts for chunk in _pack(stretch, budget[i], overlap)]
        # The sum over words may err by a token or two: whatever is too long is cut again, shorter.
        cut_now = [(i, texts[i][a:b]) for i in open_texts for a, b in chunks[i]]
        ids = count.tokenize([chunk for _, chunk in cut_now]) if cut_now else []
        excess = dict.fromkeys(open_texts, 0)
        for (i, _), each in zip(cut_now, ids, strict=True):
            excess[i] = max(excess[i], len(each) - context_length)
        open_texts = [i for i in open_texts if excess[i] > 0 and budget[i] > 1]
        for i in open_texts:
            budget[i] = max(1, budget[i] - excess[i])
    return chunks


def beginning(text: str, count: TokenCounter, context_length: int, read: Sequence[Span]) -> int:
    """Where reading `text` ends if a tower takes the first `context_length` tokens: after the last word that fits."""
    left, stop = context_length - count.special, read[0][0]
    for word in (word for span in read for word in _WORD.finditer(text, *span)):
        left -= count(word.group())
        if left < 0:
            break
        stop = word.end()
    return stop


def _parts(text: str, span: Span, count: TokenCounter, budget: int) -> Iterator[_Part]:
    for sentence in _sentences(text, span):
        yield from _fitting(text, sentence, count, budget)


def _sentences(text: str, span: Span) -> Iterator[list[Span]]:
    """The words of each sentence."""
    words = [word.span() for word in _WORD.finditer(text, *span)]
    sentence: list[Span] = []
    for i, (start, stop) in enumerate(words):
        sentence.append((start, stop))
        if i + 1 < len(words):
            gap, after = text[stop : words[i + 1][0]], text[words[i + 1][0]]
            if "\n" in gap or (_END.search(text, start, stop) and not after.islower()):
                yield sentence
                sentence = []
    if sentence:
        yield sentence


def _fitting(text: str, sentence: Sequence[Span], count: TokenCounter, budget: int) -> Iterator[_Part]:
    """The sentence as one part, or as few as fit; a word that does not fit is cut in halves."""
    part: _Part | None = None
    for start, stop, tokens in (piece for word in sentence for piece in _pieces(text, word, count, budget)):
        if part and part.tokens + tokens <= budget:
            part = _Part(part.start, stop, part.tokens + tokens)
        else:
            if part:
                yield part
            part = _Part(start, stop, tokens)
    if part:
        yield part


def _pieces(text: str, word: Span, count: TokenCounter, budget: int) -> Iterator[tuple[int, int, int]]:
    start, stop = word
    tokens = count(text[start:stop])
    if tokens <= budget or stop - start < 2:
        yield start, stop, tokens
        return
    middle = (start + stop) // 2
    yield from _pieces(text, (start, middle), count, budget)
    yield from _pieces(text, (middle, stop), count, budget)


def _pack(parts: Iterable[_Part], budget: int, overlap: int) -> Iterator[Span]:
    """Parts that follow each other, as many as fit, one repeated where the overlap allows it."""
    chunk: list[_Part] = []
    for part in parts:
        if chunk and sum(p.tokens for p in chunk) + part.tokens > budget:
            yield chunk[0].start, chunk[-1].stop
            chunk = _tail(chunk, min(overlap, budget - part.tokens))
        chunk.append(part)
    if chunk:
        yield chunk[0].start, chunk[-1].stop


def _tail(chunk: Sequence[_Part], tokens: int) -> list[_Part]:
    """The last parts, of at most `tokens` in all; never the whole chunk."""
    tail: list[_Part] = []
    for part in reversed(chunk[1:]):
        tokens -= part.tokens
        if tokens < 0:
            break
        tail.insert(0, part)
    return tail
