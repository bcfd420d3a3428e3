"""What a text tower reads of texts: their beginnings, or all of them in chunks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clipit.encoders.chunking import Span, TokenCounter, Tokenize, beginning, cut
from clipit.encoders.retriever import Retriever, truncate
from clipit.runtime.errors import UserError
from clipit.sources.report_sections import split_sections

_MOST_CHUNKS = 32_767  # of a text: the column is int16


@dataclass(frozen=True)
class Reading:
    """What is read of several texts; the lists have an entry a chunk, in the order of the texts.

    Attributes:
        text: which text a chunk is of.
        chunk: its number in the text.
        span: where it stands in the text.
        tokens: its token ids, at most the tower's `context_length`.
        share: of all tokens of the texts, how many are read.
        total: tokens of the texts.
    """

    text: list[int]
    chunk: list[int]
    span: list[Span]
    tokens: list[list[int]]
    share: float
    total: int


def read_texts(texts: Sequence[str], retriever: Retriever, policy: Mapping[str, Any]) -> Reading:
    """Reads texts as `policy` (config.encoders.Text as a mapping) says.

    Raises:
        UserError: a text has too many chunks.
    """
    read = [_stretches(text, policy["sections"]) for text in texts]
    if policy["policy"] == "chunks":
        return _read_chunks(texts, read, retriever, policy["overlap"])
    return read_beginnings(texts, retriever, read)


def read_beginnings(
    texts: Sequence[str], retriever: Retriever, read: Sequence[Sequence[Span]] | None = None
) -> Reading:
    """Reads the first tokens of each text, as many as the tower takes; of its stretches `read` alone, if given."""
    read = [[(0, len(text))] for text in texts] if read is None else read
    wanted = [" ".join(text[start:stop] for start, stop in spans) for text, spans in zip(texts, read, strict=True)]
    place = {text: i for i, text in enumerate(dict.fromkeys([*wanted, *texts]))}
    tokenize = _by_words(retriever)
    ids = tokenize(list(place))
    kept = [truncate(ids[place[text]], retriever.context_length) for text in wanted]
    short = [len(few) < len(ids[place[text]]) for few, text in zip(kept, wanted, strict=True)]
    count = TokenCounter(tokenize, [text for text, is_short in zip(texts, short, strict=True) if is_short])
    stop = [
        beginning(text, count, retriever.context_length, spans) if is_short else spans[-1][1]
        for text, spans, is_short in zip(texts, read, short, strict=True)
    ]
    total = sum(len(ids[place[text]]) for text in texts)
    return Reading(
        text=list(range(len(texts))),
        chunk=[0] * len(texts),
        span=[(spans[0][0], end) for spans, end in zip(read, stop, strict=True)],
        tokens=kept,
        share=sum(map(len, kept)) / total,
        total=total,
    )


def _read_chunks(texts: Sequence[str], read: Sequence[Sequence[Span]], retriever: Retriever, overlap: int) -> Reading:
    tokenize = _by_words(retriever)
    count = TokenCounter(tokenize, texts)
    chunks = cut(texts, count, retriever.context_length, overlap=overlap, read=read)
    if (longest := max(map(len, chunks))) > _MOST_CHUNKS:
        raise UserError(f"a report has {longest:,} chunks, {_MOST_CHUNKS:,} at most: split or leave out that text")
    of_text = [i for i, spans in enumerate(chunks) for _ in spans]
    span = [each for spans in chunks for each in spans]
    passages = [texts[i][start:stop] for i, (start, stop) in zip(of_text, span, strict=True)]
    place = {passage: i for i, passage in enumerate(dict.fromkeys(passages))}
    ids = [truncate(each, retriever.context_length) for each in tokenize(list(place))]
    total = sum(map(count.of, texts))
    covered = sum(count.of(text[a:b]) for text, spans in zip(texts, read, strict=True) for a, b in spans)
    return Reading(
        text=of_text,
        chunk=[number for spans in chunks for number in range(len(spans))],
        span=span,
        tokens=[ids[place[passage]] for passage in passages],
        share=covered / total,
        total=total,
    )


def _by_words(retriever: Retriever) -> Tokenize:
    """The retriever's tokens of texts, whatever white space is between the words: a line break is a token to some."""
    return lambda texts: retriever.tokenize([" ".join(text.split()) for text in texts])


def _stretches(text: str, sections: Sequence[str]) -> list[Span]:
    """The stretches of `text` that are sections of these names; all of it if it has none of them, or none are named."""
    spans, at = [], 0
    for section in split_sections(text) if sections else []:
        if section.name.partition("-")[0] in sections:
            spans.append((at, at + len(section.text)))
        at += len(section.text)
    return spans or [(0, len(text))]
