"""Tests on other data sets, and centres, on the page."""


def test_an_extra_test_has_a_section_with_the_drop_and_its_centres(with_extras) -> None:
    html = with_extras()
    section = html.partition("<h3>Tested on other, all patches</h3>")[2].partition("<h3>")[0]
    assert "Secondary: the verdict above rests on the own test set" in section
    assert section.count("+12.3") == 6  # a line a variant
    assert 'class="comparison"' in section
    assert "Each centre: balanced accuracy" in section
    assert section.count("50.0 [40.0, 60.0], n = 576") == 18  # two centres and one level, a line a variant
    assert "<bdi>patients or slides</bdi>" in section
    assert "<li>Secondary: so.</li>" in section
    assert html.index("<h3>Each centre</h3>") < html.index("<h3>Tested on")


def test_names_of_centres_are_text(with_extras) -> None:
    html = with_extras()
    assert "<script" not in html
    assert html.count("&lt;script&gt;south") == 2


def test_without_any_the_page_has_no_such_section(with_extras) -> None:
    html = with_extras(extra_tests=[], centres=[], levels=[])
    assert "Tested on" not in html
    assert "Each centre" not in html
    assert "Whole images, patients" not in html
