from clipit.reporting.passages import Sections, utf16_place

GROSS, DIAGNOSIS = "GROSS DESCRIPTION: a polyp of 3 mm. ", "FINAL DIAGNOSIS: tubular adenoma."
TEXT = f"Patient 12. {GROSS}{DIAGNOSIS}"


def test_places_count_as_javascript_does() -> None:
    text = "a𝒢b é𝒢𝒢c"
    for start in range(len(text)):
        for stop in range(start, len(text) + 1):
            first, last = utf16_place(text, start, stop)
            assert text.encode("utf-16-le")[2 * first : 2 * last].decode("utf-16-le") == text[start:stop]


def test_a_passage_is_in_the_sections_that_hold_a_tenth_of_it() -> None:
    sections, start = Sections(TEXT), TEXT.index(GROSS)
    assert sections.of(0, 5) == "preamble"
    assert sections.of(start, start + len(GROSS)) == "gross"
    assert sections.of(start, len(TEXT)) == "gross, diagnosis"
    assert sections.of(start, start + len(GROSS) + 2) == "gross"
    assert sections.of(0, len(TEXT)) == "preamble, gross, diagnosis"


def test_a_section_that_comes_back_is_one() -> None:
    text = "GROSS: polyp one here. DIAGNOSIS: adenoma seen. GROSS: polyp two here."
    assert Sections(text).of(0, len(text)) == "gross, diagnosis"


def test_nothing_is_in_no_section() -> None:
    assert Sections(TEXT).of(4, 4) == ""
