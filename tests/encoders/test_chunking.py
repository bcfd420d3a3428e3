"""Chunks fit the tower, follow sentences, and lose nothing, whatever the text and the tokenizer."""

import itertools
import random

import open_clip
import pytest

from clipit.encoders.chunking import TokenCounter, beginning, cut
from clipit.encoders.open_clip_tokens import OpenClipTokens
from clipit.encoders.text_tower import words_text_tower

REPORT = (
    "FINAL DIAGNOSIS: A. Colon, sigmoid, resection: Adenocarcinoma, 1.2 cm, pT3 N0 (0/14). Margins negative; "
    "see comment. approx. two foci of mucin.\nGROSS: Received fresh is a 12.5 x 3.0 x 2.2 cm segment. No perforation!"
)


def by_characters(texts):
    """A tokenizer that knows single characters, as byte-level ones do with what they never saw."""
    return [[0, *map(ord, text.replace(" ", "")), 1] for text in texts]


@pytest.fixture(scope="module")
def tokenizers():
    clip = OpenClipTokens(open_clip.get_tokenizer("ViT-B-32"))
    words = words_text_tower([REPORT], layers=1, width=8, heads=1, context_length=16, seed=0)
    return {"clip": clip.tokenize, "words": words.tokenize, "characters": by_characters}


def noise(rng: random.Random) -> str:
    """What scans look like: sentences, numbers, capitals, very long words, odd spaces."""
    pieces = [
        "Tumor",
        "is",
        "present.",
        "pT3",
        "N0;",
        "1.2",
        "cm",
        "x" * rng.randrange(1, 120),
        "\n",
        "  ",
        "MARGINS",
        "ﬁ",
        "é.",
    ]
    return " ".join(rng.choice(pieces) for _ in range(rng.randrange(0, 80)))


@pytest.mark.parametrize("kind", ["clip", "words", "characters"])
@pytest.mark.parametrize("overlap", [0, 5])
def test_chunks_fit_and_lose_nothing(tokenizers, kind, overlap):
    tokenize, rng = tokenizers[kind], random.Random(0)
    texts = [noise(rng) for _ in range(60)] + ["", "   ", "x" * 500, REPORT]
    for text, chunks in zip(texts, cut(texts, TokenCounter(tokenize, texts), 16, overlap=overlap), strict=True):
        assert not chunks or all(len(ids) <= 16 for ids in tokenize([text[a:b] for a, b in chunks]))
        covered = set().union(*(range(a, b) for a, b in chunks))
        assert all(i in covered for i, character in enumerate(text) if not character.isspace())
        assert chunks == sorted(chunks)
        if not overlap:
            assert all(b <= c for (_, b), (c, _) in itertools.pairwise(chunks))


def test_sentences_stay_whole_where_they_fit(tokenizers):
    (chunks,) = cut([REPORT], TokenCounter(tokenizers["words"], [REPORT]), 24)
    passages = [REPORT[a:b] for a, b in chunks]
    assert passages[-1].startswith("GROSS: Received fresh") or passages[-2].startswith("GROSS: Received fresh")
    assert not any(passage.endswith(("1", "approx.", "2.")) for passage in passages)
    assert any(passage.endswith(("(0/14).", "see comment. approx. two foci of mucin.")) for passage in passages)


def test_an_overlap_repeats_whole_sentences_and_no_more_than_asked(tokenizers):
    text = " ".join(f"Sentence number {i}." for i in range(30))
    count = TokenCounter(tokenizers["words"], [text])
    (chunks,) = cut([text], count, 20, overlap=6)
    repeated = [text[c:b] for (_, b), (c, _) in itertools.pairwise(chunks) if c < b]
    assert len(repeated) == len(chunks) - 1
    assert all(piece.startswith("Sentence") and piece.endswith(".") for piece in repeated)
    assert all(sum(map(count, piece.split())) <= 6 for piece in repeated)


def test_reading_ends_after_the_last_word_that_fits(tokenizers):
    for kind in ("clip", "words"):
        tokenize = tokenizers[kind]
        count = TokenCounter(tokenize, [REPORT])
        stop = beginning(REPORT, count, 20, [(0, len(REPORT))])
        assert len(tokenize([REPORT[:stop]])[0]) <= 20
        longer = REPORT[: REPORT.index(" ", stop + 1)] if " " in REPORT[stop + 1 :] else REPORT
        assert len(tokenize([longer])[0]) > 20
