"""Lossless cleaning keeps every letter and digit; the upstream one is as destructive as it is said to be."""

import unicodedata
from random import Random

import pytest

from clipit.corpus.cleanings import lossless, upstream

WORDS = (
    "pT1", "pN0", "I", "II", "iii", "IV", "1", "11", "0.1", "4.5x3", "mm²", "µm", "μ", "α-smooth", "β", "ﬁbrosis",
    "oﬃce", "½", "10⁹/l", "Ki‑67", "腺癌", "がん", "größer", "naïve", "é", "Å", "IIIIII", "l1I|", "ER+",
    "5%", "&lt;5", "&#181;m", "\ufffdm", "\uf06dm", "x_y", "😀", "می\u200cشود", "𝟏", "ІI", "①", "Ⅳ",
)  # fmt: skip
SEPARATORS = (
    " ",
    "  ",
    "\n",
    "\r\n",
    "\t",
    "\x0c",
    "\x00",
    "\u2028",
    "\xa0",
    "\u3000",
    ". ",
    ",\n",
    " - ",
    "-\n",
    ": ",
    "\x85",
)
INVISIBLE = ("\u200b", "\ufeff", "\u2060", "\u200e", "\u202c", "\u00ad", "\u00ad\n", "\u00ad \r\n\t")


def tokens(text: str) -> list[str]:
    """Runs of letters, digits and numbers, whatever the script."""
    return "".join(c if unicodedata.category(c)[0] in "LN" else " " for c in text).split()


@pytest.mark.parametrize("seed", range(40))
def test_every_token_survives_in_order(seed: int) -> None:
    rng = Random(seed)
    words = [rng.choice(WORDS) for _ in range(300)]
    expected = [token for word in words for token in tokens(unicodedata.normalize("NFC", word))]
    text = ""
    for word in words:
        if rng.random() < 0.3:  # within a word, what shows nothing; before the first letter, so no accent is cut off
            cut = rng.choice([i for i, c in enumerate(word) if not unicodedata.combining(c)])
            word = word[:cut] + (rng.choice(INVISIBLE) if cut else "\ufeff") + word[cut:]
        word = unicodedata.normalize(rng.choice(["NFC", "NFD"]), word)
        text += word + rng.choice(SEPARATORS)
    cleaned = lossless(text)
    assert tokens(cleaned) == expected
    assert lossless(cleaned) == cleaned
    assert cleaned == "\n".join(" ".join(line.split()) for line in cleaned.splitlines() if line)
    assert not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in cleaned.replace("\n", ""))


def test_white_space_and_control_characters_become_one_space() -> None:
    text = "\ufeffGrade II | stage pT1 (1 of 11), I.  iIl\tG2\x01end\r\n\x00"
    assert lossless(text) == "Grade II | stage pT1 (1 of 11), I. iIl G2 end"


def test_lines_stay_without_what_is_blank() -> None:
    text = "\n\n FINAL  DIAGNOSIS \r\n\r\n  \t\r\nAdenoma.\x0cGROSS\u2028\x00\n4 cm.\n\n"
    assert lossless(text) == "FINAL DIAGNOSIS\nAdenoma.\nGROSS\n4 cm."
    assert upstream(text) == "FNAL DAGNOSS Adenoma. GROSS 4 cm."


def test_a_hyphen_at_the_end_of_a_line_stays_a_soft_one_joins() -> None:
    assert lossless("well-\ndifferentiated carci\u00adnoma, adeno\u00ad\n  carcinoma") == (
        "well-\ndifferentiated carcinoma, adenocarcinoma"
    )


def test_what_stands_for_something_stays() -> None:
    assert lossless("5 \ufffdm, 5 \uf06dm, &lt;5 mm², ﬁbrosis") == "5 \ufffdm, 5 \uf06dm, &lt;5 mm², ﬁbrosis"


def test_half_a_character_can_be_written_to_a_file() -> None:
    assert lossless("a\ud800b").encode() == "a\ufffdb".encode()


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Grade I", "Grade"),
        ("Grade II of III, pT1 pN1 11/12", "Grade of , pT pN /2"),
        ("invasive | infiltrating", "nvasve nfltratng"),
        ("4.5 cm; G2,pT3:x", "4. 5 cm; G2, pT3: x"),
        ("a..b", "a. .b"),
        ("lllll llll", "llll"),
        ("**bold** __ --- x", "bold - x"),
        ("Redacted METs to liver, hamets", "Metastases to lver, haMetastases"),
    ],
)
def test_upstream_cleaning(text: str, cleaned: str) -> None:
    assert upstream(text) == cleaned
