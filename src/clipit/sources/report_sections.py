"""The sections of a report, found by their headings; every character of the report is in exactly one of them."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

PREAMBLE = "preamble"
"""The name of the text before the first heading."""

# Where a phrase could belong to two sections the first one listed here has it.
_PHRASES = {
    "addendum": r"addend(?:um|a)(?: (?:diagnos[ie]s|comments?|report|discussion))?",
    "intraoperative": r"intra-?operative (?:consultation|diagnos[ie]s|findings|gross consultation|frozen section)"
    r"(?: diagnos[ie]s)?|frozen sections?(?: (?:diagnos[ie]s|consultation|report))?",
    "clinical": r"(?:pertinent )?clinical (?:history|information|data|notes?|findings|impression|details|summary|"
    r"diagnos[ie]s(?:[\s&/]+(?:and )?history)?)|(?:relevant |medical |patient |past |family |social )?history|"
    r"p(?:re|ost)[-\s]{0,2}op(?:erative)? diagnos[ie]s|operative findings|clinic(?:al)? context",
    "specimen": r"specimens?(?:\(s\))?(?: (?:submitted|received|involved|information|description))?|"
    r"(?:tissues?|materials?)(?: (?:submitted|received))?|nature of (?:the )?specimens?|source of (?:the )?specimens?",
    "procedure": r"(?:operative )?procedures?(?:\(s\))?(?: performed)?|(?:type of )?operation(?: performed)?",
    "microscopic": r"(?:gross and )?microscopic(?:al)? (?:description|examination|findings|appearance)s?|"
    r"light microscopy|microscop(?:y|ic)|histolog(?:ical|ic) (?:description|findings)",
    "gross": r"(?:gross|macroscopic(?:al)?) (?:description|examination|findings|appearance|pathology)s?|"
    r"macroscop(?:y|ic)|gross",
    "blocks": r"(?:block|cassette) summary|summary of (?:sections|cassettes|blocks)|section code|key to cassettes",
    "stains": r"immunohisto(?:chemistry|chemical (?:stains?|stud(?:y|ies)|findings|results))|immunophenotype|"
    r"(?:special|ancillary|molecular) (?:stains?|stud(?:y|ies)|tests?|findings|results)",
    "synoptic": r"synoptic (?:report|data|summary|diagnos[ie]s)|case synopsis|(?:surgical pathology )?(?:cancer )?case "
    r"summary|tumou?r (?:synopsis|summary|staging)|staging summary|(?:pathologic(?:al)?|tnm) staging(?: summary)?|"
    r"(?:cap )?cancer (?:checklist|protocol)",
    "conclusion": r"conclusions?|interpretation|impression|summary",
    "comment": r"(?:diagnostic |diagnosis |pathologist'?s? )?comments?(?:\(s\))?|notes?|remarks?|discussion",
    "diagnosis": r"(?:(?:final|revised|amended|preliminary) )?(?:surgical )?(?:pathologic(?:al)? |pathology |"
    r"histologic(?:al)? |histopathologic(?:al)? |microscopic |anatomic(?:al)? |tissue )?diagnos[ie]s(?:\(es\))?"
    r"(?:[\s/(]{0,2}diagnoses\)?)?",
}
NAMES = (PREAMBLE, *_PHRASES)
"""The names of sections, without the numbers of those that come back."""
_PHRASE = re.compile(
    rf"(?-i:\b(?=[A-Z]))(?:{'|'.join(f'(?P<{name}>{phrase})' for name, phrase in _PHRASES.items())})(?![\w'’])".replace(
        " ", r"[ \t]+"
    ),
    re.IGNORECASE,
)
_COLON = re.compile(r"(?:[ \t]*\([^()]{1,40}\))?[ \t]*:")
_NUMBERING = re.compile(r"\W*(?:(?:\d{1,2}|[A-Za-z])[.)]\W*)?")  # and what decorates a heading: 2. ** # ==
_NO_WORD = re.compile(r"[\W_]*")
_STANDS_WITHOUT_COLON = re.compile(r"DIAGNOS[IE]S|SPECIMENS?|.+[ \t].+")
_CAPITALS_BEFORE = re.compile(r"[A-Z]{2}[\s,(-]*$")
_NEAR = 40  # characters before a phrase that are looked at
_CAPITALS_AFTER = re.compile(r"[\s,(-]*[A-Z]{2,}\b")


@dataclass(frozen=True)
class Section:
    """A stretch of a report from its heading, which it holds, to the next one."""

    name: str
    """`preamble`, or what the heading announces (`diagnosis`, `gross`, ...), numbered when it comes back: `gross-2`."""
    text: str


def split_sections(text: str) -> list[Section]:
    """The sections of a report in order; their texts joined are `text`.

    A heading is a phrase that reports use as one (`FINAL DIAGNOSIS`, `Gross description`), with a capital first, and
    either before a colon, or alone on its line, or in capitals within a line where the word before it is not in
    capitals too, since scans are often read as a single line. Headings with no word between them are one heading,
    named after the last; neighbours of one kind are one section. Without any heading all is `preamble`.
    """
    starts: list[tuple[str, int]] = []
    end = 0  # of the heading before
    for name, start, after in _headings(text):
        if _NO_WORD.fullmatch(text, end, start):  # nothing said since: not a section of its own
            start = starts.pop()[1] if starts else 0
        elif not starts:
            starts.append((PREAMBLE, 0))
        starts.append((name, start))
        end = after
    if starts and _NO_WORD.fullmatch(text, end):  # the last heading heads nothing
        starts.pop()
    starts = [piece for i, piece in enumerate(starts) if i == 0 or piece[0] != starts[i - 1][0]] or [(PREAMBLE, 0)]
    times = Counter[str]()
    sections = []
    for (name, start), (_, stop) in zip(starts, [*starts[1:], ("", len(text))], strict=True):
        times[name] += 1
        sections.append(Section(f"{name}-{times[name]}" if times[name] > 1 else name, text[start:stop]))
    return sections


def _headings(text: str) -> Iterator[tuple[str, int, int]]:
    """(name, start, end) of every heading, its colon within."""
    offset = last = 0  # `last` is where the heading before ended
    for line in text.splitlines(keepends=True):
        for match in _PHRASE.finditer(line):
            follows = last > 0 and _NO_WORD.fullmatch(text, last, offset + match.start())
            end = _heading_end(line, match, bool(follows))
            if end is not None:
                last = offset + end
                yield str(match.lastgroup), offset + match.start(), last
        offset += len(line)


def _heading_end(line: str, match: re.Match[str], follows: bool) -> int | None:
    """Where the heading ends that `match` is, None if it is none; `follows`: right after another heading."""
    phrase, start, end = match.group(), match.start(), match.end()
    if colon := _COLON.match(line, end):
        return colon.end()
    if _NUMBERING.fullmatch(line, 0, start) and _NO_WORD.fullmatch(line, end):
        return end
    if phrase.isupper() and _STANDS_WITHOUT_COLON.fullmatch(phrase):
        beside = not follows and _CAPITALS_BEFORE.search(line[max(0, start - _NEAR) : start])
        # A single word is a heading less surely: SPECIMEN DESIGNATED AS ... is none.
        beside = beside or (" " not in phrase and _CAPITALS_AFTER.match(line, end))
        return None if beside else end
    return None
