"""The explorer's search."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.browser.conftest import Page
from tests.explored import Report

pytestmark = pytest.mark.browser

Visit, Pages = Callable[..., Page], Callable[..., Path]


@pytest.mark.parametrize("words", ["TCGA-0005", "biopsy 5:", "BIOPSY 5:"])
def test_a_search_finds_reports_by_id_and_by_words(explorer: Page, words: str) -> None:
    explorer.write("query", words)
    explorer.until(lambda: not explorer.text("#status").startswith("60 "))
    shown = explorer.texts(".reports > li")
    found = [text for text in shown if "TCGA-0005" in text]
    assert 0 < int(explorer.text("#status").split()[0]) < 60
    assert len(found) == 1
    if "TCGA" not in words:
        assert explorer.texts(".hit") == ["biopsy 5:"]


def test_a_search_finds_an_image_and_says_when_there_is_none(explorer: Page) -> None:
    explorer.write("query", "patch_00042")
    explorer.until_status("1 of 60 images")
    assert explorer.selected == "patch_00042"
    explorer.write("query", "no such words")
    explorer.until_status("None of 60 images matches")
    assert explorer.text("#detail-content") == ""
    assert explorer.get("#list").get_attribute("aria-activedescendant") is None
    explorer.write("query", "[*+(")  # is searched for as it stands
    explorer.until_status("None of 60 images matches")


def test_a_search_goes_on_past_the_end_of_a_line(visit: Visit, pages: Pages) -> None:
    text = "Microscopy\ntubular\nadenoma of the colon"
    page = visit(pages(corpus=[Report("lines", text, [(0, len(text))])]))
    page.write("query", "tubular adenoma")
    page.until(lambda: page.texts(".hit") == ["tubular\nadenoma"])
    assert page.text("#status").startswith("60 ")


def test_a_hit_beyond_the_shown_part_of_a_long_report_is_shown(visit: Visit, pages: Pages) -> None:
    text = "DIAGNOSIS: " + "adenoma " * 400 + "needle " + "mucosa " * 400
    page = visit(pages(corpus=[Report("long", text, [(0, 100)])]))
    assert "needle" not in page.text(".text")
    assert page.text(".card .more") == "Show all 802 words"
    page.click(".card .more")
    assert page.text(".text") == text
    page.click(".card .more")
    page.write("query", "needle")
    page.until(lambda: page.texts(".hit") == ["needle"])
