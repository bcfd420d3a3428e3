"""Where in a report a passage is: its place as a browser counts, and the sections it lies in."""

from collections.abc import Sequence

from clipit.sources.report_sections import split_sections

_SHARE = 0.1  # of a passage that lies in a section for the section to be named


def utf16_place(text: str, start: int, stop: int) -> tuple[int, int]:
    """Characters `start` to `stop` of `text` in UTF-16 units, by which JavaScript counts."""
    before = _units(text[:start])
    return before, before + _units(text[start:stop])


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


class Sections:
    """The sections of one report."""

    def __init__(self, text: str) -> None:
        self._bounds: list[tuple[str, int, int]] = []
        start = 0
        for section in split_sections(text):
            self._bounds.append((section.name, start, start + len(section.text)))
            start += len(section.text)

    def of(self, start: int, stop: int) -> str:
        """Names of the sections that hold at least a tenth of the passage, in order: `clinical, gross`."""
        held = [(name, min(stop, end) - max(start, first)) for name, first, end in self._bounds]
        return ", ".join(_named([name for name, n in held if n > 0 and n >= _SHARE * (stop - start)]))


def _named(names: Sequence[str]) -> list[str]:
    """Each kind of section once: `gross` and its second coming `gross-2` are one."""
    return list(dict.fromkeys(name.rsplit("-", 1)[0] if name[-1].isdigit() else name for name in names))
