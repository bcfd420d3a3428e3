"""What cleaning does to the text of one report."""

import re
import unicodedata
from collections.abc import Callable

# A soft hyphen says that a word may be broken there; with a line break after it, it was.
_BROKEN_WORD = re.compile("\u00ad+(?:[^\\S\n\r]*(?:\r\n|\n|\r)[^\\S\n\r]*)?")
# Marks without width and without a sound: zero-width space, word joiners, byte order mark, marks of writing direction.
# The zero-width joiners stay, they change letters in Persian and Indic scripts.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, as broken JSON holds it; no file can


def lossless(text: str) -> str:
    """The text with every letter, digit and line of it in order: a heading is known by standing alone on its line.

    Composed Unicode (NFC, so a ligature or a superscript stays what it is); marks that show nothing go; within a line
    control characters and runs of white space become one space; lines without a word go, and so does white space at
    the ends of the others; a word broken at a soft hyphen is whole again. A hyphen at the
    end of a line stays (`well-` / `differentiated`), entities of HTML stay, and so do characters in the place of one
    that was lost (U+FFFD, private use): without it a length in micrometres could become one in metres.
    """
    text = _LONE_SURROGATE.sub("\ufffd", _INVISIBLE.sub("", _BROKEN_WORD.sub("", text)))
    lines = (" ".join(_CONTROL.sub(" ", line).split()) for line in unicodedata.normalize("NFC", text).splitlines())
    return "\n".join(line for line in lines if line)


def upstream(text: str) -> str:
    """The text as the method's released code cleaned it for PCam: for comparison only, it destroys what reports say.

    All stands on one line. Every 1, I, i and | goes (so pT1 is pT, and grades I, II and III are all the same), then
    runs of five l, asterisks, underscores and the word Redacted; several hyphens become one; mets, inside words too,
    becomes Metastases; a space follows every full stop, comma, semicolon and colon, so 4.5 is 4. 5.
    """
    text = re.sub(r"l{5,}", "", one_line(lossless(text)).translate(dict.fromkeys(map(ord, "1Ii|"))))
    text = re.sub(r"-+", "-", text).translate(dict.fromkeys(map(ord, "*_"))).replace("Redacted", "")
    text = re.sub(r"mets", "Metastases", text, flags=re.IGNORECASE)
    return one_line(re.sub(r"([.,;:])(\S)", r"\1 \2", text))


def one_line(text: str) -> str:
    """Its words with a space between them."""
    return " ".join(text.split())


CLEANINGS: dict[str, Callable[[str], str]] = {"lossless": lossless, "upstream": upstream}
"""By the name that a corpus gives in the configuration."""
