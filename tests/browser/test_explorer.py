"""The explorer as people use it."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.keys import Keys
from tests.browser.conftest import PHONE, Page
from tests.explored import IMAGE, SCRIPT, Explored, Report, joined, plain_reports

from clipit.reporting.explorer import build_explorer

pytestmark = pytest.mark.browser

Visit, Pages = Callable[..., Page], Callable[..., Path]


def test_it_opens_at_the_first_image_with_its_picture_and_reports(explorer: Page) -> None:
    assert explorer.text("#status") == "60 of 60 images"
    assert explorer.selected == explorer.text("#detail-title") == "patch_00000"
    assert len(explorer.all(".reports > li")) == 5
    drawn = "const c = arguments[0]; return c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data[3]"
    for canvas in (".subject canvas", "[aria-selected=true] canvas"):
        explorer.until(lambda canvas=canvas: explorer.js(drawn, explorer.get(canvas)) == 255)


def test_filters_of_class_and_split_meet(explorer: Page) -> None:
    explorer.choose("class", "stroma")
    explorer.until_status("17 of 60 images")
    explorer.choose("split", "test")
    explorer.until(lambda: len(explorer.names) < 7)
    for name, about in zip(explorer.names, explorer.texts("[role=option] .about"), strict=True):
        assert about.endswith(" · stroma · test")
        assert int(name[-5:]) % 3 == 1 and int(name[-5:]) % 10 >= 8
    explorer.click("#clear")
    explorer.until_status("60 of 60 images")
    assert not explorer.get("#clear").is_displayed()
    assert explorer.focus == "list"


def test_similarity_is_bounded_and_orders(explorer: Page) -> None:
    def similarities() -> list[float]:
        return [float(about.split(" ")[0]) for about in explorer.texts("[role=option] .about")]

    explorer.write("low", "0.5")
    explorer.write("high", "0.55")
    explorer.until(lambda: all(0.4995 <= x <= 0.5505 for x in similarities()))
    assert 0 < len(similarities()) < 60
    explorer.write("low", "")
    explorer.write("high", "")
    explorer.choose("order", "similarity, greatest")
    explorer.until(lambda: similarities() == sorted(similarities(), reverse=True))
    greatest = similarities()[0]
    explorer.choose("order", "similarity, least")
    explorer.until(lambda: similarities() == sorted(similarities()))
    assert similarities()[0] < greatest


def test_another_method_shows_its_own_reports_of_the_same_image(explorer: Page) -> None:
    explorer.press("j", "j", "j")
    before = explorer.texts(".reports bdi")
    explorer.choose("method", "csls")
    explorer.until(lambda: "by csls" in explorer.text("#detail-content h3"))
    assert explorer.selected == "patch_00003"
    assert explorer.texts(".reports bdi") != before
    assert explorer.texts("tbody th") == ["top1", "random_seed0"]
    explorer.click("tbody th button")
    explorer.until(lambda: explorer.texts(".reports bdi") == before)


def test_another_data_set_comes_with_its_own_images_classes_and_methods(visit: Visit, tmp_path: Path) -> None:
    ward = Explored(tmp_path, n=30).write()
    annex = Explored(tmp_path, n=20, name="annex", classes=("a", "b"), methods=("csls",), seed=1, weak=True).write()
    build_explorer(tmp_path / "explorer.html", **joined(ward, annex))
    page = visit(tmp_path / "explorer.html")
    assert page.text("#what") == "ward with archive by clip"
    assert page.get("[name=pairs]").accessible_name == "Data set"
    page.choose("class", "stroma")
    page.choose("pairs", "annex")
    page.until_status("20 of 20 images")
    assert page.texts("[name=method] option") == ["csls"]
    assert page.texts("[name=class] option") == ["all", "a (9)", "b (9)", "unlabelled (2)"]
    assert page.text("#what") == "annex with archive by clip"
    assert page.text("#class-label") == "Class (weak labels)"


def test_the_matched_passage_is_marked_to_the_character(explorer: Page) -> None:
    reports = {report.id: report for report in plain_reports(12)}
    seen = set()
    for _ in range(12):
        for name, shown, marked in zip(
            explorer.texts(".reports bdi"), explorer.texts(".text"), explorer.texts("mark"), strict=True
        ):
            report = reports[name]
            start, stop = report.chunks[-1]
            assert (shown, marked) == (report.text, report.text[start:stop])
            seen.add(name)
        explorer.press("j")
    assert len(seen) == 12


def test_hostile_text_is_text(visit: Visit, pages: Pages) -> None:
    corpus = [Report(f"{IMAGE}{SCRIPT}", f"DIAGNOSIS: {SCRIPT} and {IMAGE} seen.", [(0, 20)])]
    page = visit(pages(corpus=corpus, classes=(f"class {SCRIPT}{IMAGE}", "stroma"), name=f"ward{SCRIPT[:8]}"))
    scripts = page.js("return document.scripts.length")
    for action in ("#view-reports", "#view-images", "#about-open"):
        page.click(action)
        if action != "#about-open":
            assert corpus[0].text in page.texts(".text")
            assert corpus[0].id in page.texts("#detail-content bdi")
    assert any(SCRIPT in text for text in page.texts("#about bdi"))
    page.press(Keys.ESCAPE)
    page.write("query", SCRIPT)
    page.until(lambda: "".join(page.texts(".hit")) == SCRIPT)  # in two pieces: the passage ends within
    assert page.js("return document.images.length") == 0
    assert page.js("return document.scripts.length") == scripts
    with pytest.raises(NoAlertPresentException):
        _ = page.driver.switch_to.alert


def test_the_policy_forbids_what_the_page_does_not_hold(explorer: Page) -> None:
    explorer.js(
        "const s = document.createElement('script'); s.textContent = 'window.ran = true'; document.body.append(s);"
        "const i = document.createElement('img'); i.src = 'data:image/gif;base64,R0lGODlhAQABAAAAACw='; i.id = 'added';"
        "i.setAttribute('onerror', 'window.ran = true'); document.body.append(i)"
    )
    complaints = explorer.until(lambda: explorer.errors())
    assert explorer.js("return window.ran") is None
    assert any("Content Security Policy" in complaint for complaint in complaints)
    explorer.until(lambda: explorer.js("return document.getElementById('added').complete"))
    explorer.errors()  # forgets them: they are this test's


def test_keys_walk_the_list_and_reach_everything(explorer: Page) -> None:
    explorer.press("j", "j", "k")
    assert explorer.selected == "patch_00001"
    explorer.press(Keys.ARROW_DOWN)  # nothing has the focus yet: the list gets it all the same
    assert explorer.selected == "patch_00002"
    explorer.press("/")
    assert explorer.focus == "query"
    explorer.press("jk")  # is typed, and moves nothing
    explorer.until(lambda: explorer.text("#status").startswith("None"))
    explorer.press(Keys.ESCAPE)
    explorer.until_status("60 of 60 images")
    explorer.press(Keys.ESCAPE)
    assert explorer.focus == "list"
    explorer.press(Keys.END)
    assert explorer.selected == "patch_00059"
    explorer.press(Keys.PAGE_UP)
    assert "patch_00045" < explorer.selected < "patch_00058"
    explorer.press(Keys.HOME, Keys.ARROW_UP)
    assert explorer.selected == "patch_00000"
    explorer.press(Keys.ARROW_DOWN, Keys.ENTER)
    assert explorer.focus == "detail-title"
    explorer.press("j")
    assert (explorer.focus, explorer.text("#detail-title")) == ("detail-title", "patch_00002")
    explorer.press("?")
    assert explorer.get("#help").is_displayed()
    explorer.press("j", Keys.ESCAPE)
    assert not explorer.get("#help").is_displayed()
    assert explorer.text("#detail-title") == "patch_00002"
    explorer.press(Keys.ESCAPE)
    assert explorer.focus == "list"


def test_the_focus_is_seen(explorer: Page) -> None:
    reached = set()
    explorer.js("document.querySelector('.skip').focus()")
    for _ in range(40):
        explorer.press(Keys.TAB)
        reached.add(explorer.focus)
        assert explorer.js("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
        if explorer.focus == "next":
            break
    assert {"view-reports", "about-open", "help-open", "query", "method", "class", "split", "low", "high", "order",
            "list", "detail", "next"} <= reached  # fmt: skip


def test_reports_stand_with_the_images_they_attract_hubs_first(explorer: Page) -> None:
    explorer.click("#view-reports")
    assert explorer.text("#status") == "12 of 12 reports"
    firsts = [int(re.findall(r"\d+", about)[0]) for about in explorer.texts("[role=option] .about")]
    assert firsts == sorted(firsts, reverse=True)
    assert firsts[0] > 1
    pictures = explorer.texts(".pictures:nth-of-type(1) .picture")
    assert len(pictures) == firsts[0]
    similarity = [float(text) for text in explorer.js(
        "return [...document.querySelector('.pictures').children].map((e) => e.textContent)"
    )]  # fmt: skip
    assert similarity == sorted(similarity, reverse=True)
    hub = explorer.text("#detail-title")
    explorer.click(".picture")
    assert explorer.focus == "detail-title"
    assert explorer.text("#detail-title").startswith("patch_")
    assert explorer.texts(".reports bdi")[0] == hub
    explorer.click(".reports li .link")
    assert explorer.text("#detail-title") == hub


def test_images_and_reports_that_filters_hide_are_reached_all_the_same(explorer: Page) -> None:
    explorer.choose("split", "val")
    explorer.click("#view-reports")
    explorer.until(lambda: explorer.text("#status").endswith("reports"))
    label = explorer.get(".picture").get_attribute("aria-label")
    assert int(label.split(",")[0][-5:]) % 10 in range(4, 8)
    explorer.write("query", explorer.text("#detail-title"))
    explorer.until_status("1 of 12 reports")
    explorer.click(".picture")
    explorer.write("query", "patch_00004")
    explorer.until_status("1 of 60 images")
    explorer.click(".reports li:nth-child(5) .link")
    explorer.until_status("12 of 12 reports")


def test_a_hub_shows_its_pictures_bit_by_bit(visit: Visit, pages: Pages) -> None:
    page = visit(pages(n=200, corpus=plain_reports(1)))
    page.click("#view-reports")
    assert len(page.all(".picture")) == 60
    page.click(".more")
    assert len(page.all(".picture")) == 120
    assert page.driver.switch_to.active_element.get_attribute("class") == "picture"
    page.click(".more")
    page.click(".more")
    assert len(page.all(".picture")) == 200
    assert not page.get(".more").is_displayed()


def test_it_is_read_out_as_what_it_is(explorer: Page) -> None:
    listbox = explorer.get("#list")
    assert (listbox.aria_role, listbox.accessible_name) == ("listbox", "Images")
    for position in (1, 40, 60):
        explorer.js("arguments[0].focus()", listbox)
        explorer.press(Keys.HOME, *[Keys.ARROW_DOWN] * (position - 1))
        active = explorer.get(f"#{listbox.get_attribute('aria-activedescendant')}")
        assert active.aria_role == "option"
        assert active.get_attribute("aria-setsize") == "60"
        assert active.get_attribute("aria-posinset") == str(position)
        assert active.accessible_name.startswith(f"patch_{position - 1:05d} ")  # what is written there, and in words:
        words = active.get_attribute("title")
        assert words.startswith(f"patch_{position - 1:05d}, ")
        assert "first report TCGA-" in words and "similarity 0." in words
        explorer.until(lambda: explorer.text("#said") == f"Image {position} of 60: {words}")  # noqa: B023
    options = explorer.js("return [...document.querySelectorAll('[role=option]')].map((e) => e.ariaPosInSet * 1)")
    assert options == sorted(options)  # read in the order of the list
    explorer.js("arguments[0].scrollTop = 0", listbox)  # scrolled away, the active row stays
    explorer.until(lambda: explorer.get("#list-0"))
    assert explorer.get("#list-59").get_attribute("aria-selected") == "true"


def test_everything_to_be_used_has_a_name(explorer: Page) -> None:
    for selector in ("#filters input", "#filters select", "button", "[role=img]", "[role=group]", "dialog"):
        for element in explorer.all(selector):
            shown = element.is_displayed()
            assert not shown or element.accessible_name, element.get_attribute("outerHTML")[:200]
    assert explorer.get("#status").aria_role == "status"
    assert explorer.get("#said").get_attribute("aria-live") == "polite"
    assert explorer.get("#filters").aria_role == "search"
    assert explorer.get("#view-images").get_attribute("aria-pressed") == "true"
    assert explorer.get("#help-open").accessible_name == "Keys"
    assert explorer.get(".reports").aria_role == "list"
    levels = explorer.js("return [...document.querySelectorAll('body > header h1, main h2, main h3, main h4')]"
                         ".map((e) => Number(e.tagName[1]))")  # fmt: skip
    assert levels[:3] == [1, 2, 3]
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


@pytest.mark.parametrize("show_text", [True, False])
def test_it_fits_a_phone(visit: Visit, pages: Pages, show_text: bool) -> None:
    long = Report("REPORT-" + "x" * 120, "DIAGNOSIS: " + "pneumonoultramicroscopic" * 12, [(0, 60)])
    page = visit(pages(corpus=[long, *plain_reports(7)], show_text=show_text, weak=True), PHONE)
    assert page.fits
    assert not page.get("#detail").is_displayed()
    page.click("#filters-open")
    assert page.get("[name=query]").is_displayed() and page.fits
    page.click("#filters-open")
    page.click("[role=option]")
    assert page.get("#detail").is_displayed() and not page.get("#list").is_displayed()
    assert page.fits
    page.click("#next")
    assert page.text("#detail-title") == "patch_00001"
    page.click("#back")
    assert page.get("#list").is_displayed() and page.selected == "patch_00001"
    page.click("#view-reports")
    page.click("[role=option]")
    assert page.get(".picture").is_displayed() and page.fits
    page.click("#about-open")
    assert page.get("#about").is_displayed() and page.fits


@pytest.mark.parametrize("width", [901, 1149, 1150, 1920])
def test_it_fits_screens_between(visit: Visit, pages: Pages, width: int) -> None:
    page = visit(pages(), (width, 800))
    assert page.fits
    assert page.get("#list").is_displayed() and page.get("#detail").is_displayed()
    assert page.get("#detail-title").size["width"] > 150
    assert page.get(".reports").size["width"] > 400
    assert page.js("return document.documentElement.scrollHeight <= innerHeight")  # only the two panes scroll


def test_without_text_sections_and_scores_are_shown(visit: Visit, pages: Pages) -> None:
    page = visit(pages(show_text=False))
    assert page.all("mark") == page.all(".text") == []
    assert re.fullmatch(r"report \d+", page.texts(".reports bdi")[0])
    assert "passage indiagnosis" in page.text(".reports li")
    assert re.search(r"similarity0\.\d{3}score-?[\d.]+weight100%", page.text(".reports li"))
    page.write("query", "report 3")
    page.until(lambda: page.text("#status").endswith(" of 60 images") and "report 3" in page.texts(".reports bdi"))
    page.click("#view-reports")
    assert page.names == ["report 3"]
    assert "TCGA" not in page.js("return document.documentElement.outerHTML")


def test_weak_labels_are_called_weak(visit: Visit, pages: Pages) -> None:
    page = visit(pages(weak=True))
    assert page.text("#class-label") == "Class (weak labels)"
    assert "glands (weak label)" in page.text(".subject")
    page.write("query", "patch_00006")
    page.until_status("1 of 60 images")
    assert "unlabelled" in page.text(".subject") and "weak" not in page.text(".subject")


def test_print_has_the_image_with_its_reports(explorer: Page) -> None:
    explorer.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not explorer.get("#list").is_displayed() and not explorer.get("#filters").is_displayed()
    assert explorer.get(".subject canvas").is_displayed()
    assert all(card.is_displayed() for card in explorer.all(".reports > li"))
    assert explorer.get(".reports").size["width"] > 600
    assert explorer.js("return document.documentElement.scrollHeight > innerHeight")


SCROLL = """
const done = arguments[0], box = document.getElementById("list"), tasks = [];
new PerformanceObserver((seen) => tasks.push(...seen.getEntries().map((task) => Math.round(task.duration))))
  .observe({ type: "longtask" });
let frames = 0;
const step = () => {
  frames++;
  box.scrollTop += 600;
  if (box.scrollTop + box.clientHeight < box.scrollHeight - 1) requestAnimationFrame(step);
  else setTimeout(() => done({ frames, tasks }), 500);
};
requestAnimationFrame(step);
"""


@pytest.mark.parametrize("order", ["the data set", "similarity, greatest"])
def test_five_thousand_images_are_scrolled_to_the_end(visit: Visit, pages: Pages, order: str) -> None:
    page = visit(pages(n=5000, size=96))
    page.choose("order", order)
    page.until_status("5,000 of 5,000 images")
    measured: dict[str, Any] = page.driver.execute_async_script(SCROLL)
    print(f"{measured['frames']} frames; tasks over 50 ms: {measured['tasks']}")
    last = page.get("#list-4999")
    assert last.get_attribute("aria-posinset") == last.get_attribute("aria-setsize") == "5000"
    assert len(page.all("[role=option]")) < 40
    drawn = "const c = arguments[0]; return c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data[3]"
    page.until(lambda: page.js(drawn, last.find_element("css selector", "canvas")) == 255)
    last.click()
    assert page.text("#detail-title") == page.selected == last.find_element("css selector", ".name").text
