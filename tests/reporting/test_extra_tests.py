"""Tests on other data sets, and centres, on the page."""

from typing import Any

import pytest

from clipit.artifacts.tables import read_json, write_json


@pytest.fixture
def with_extras(artefacts, page, tmp_path):
    """The page of an experiment with one extra test and two centres, one of a hostile name."""

    def build(**changes: Any) -> str:
        (experiment,) = artefacts["experiments"]
        table = read_json(experiment["table_json"])
        lines = [line | {"own": line["metrics"]["balanced_accuracy"], "drop": 0.123} for line in table["rows"]]
        figures = [
            {"row": line["row"], "variant": line["variant"], "centre": centre, "n": 576, "n_groups": 36, "absent": [],
             "values": [0.5], "mean": 0.5, "std": None, "low": 0.4, "high": 0.6}
            for line in lines for centre in ("north", "<script>south")
        ]  # fmt: skip
        levels = [one | {"level": "group"} for one in figures if one["centre"] == "north"]
        section = {name: table[name] for name in ("primary", "columns", "comparisons")}
        section |= {"id": "other-0", "dataset": "other", "split": "all", "rows": lines, "notes": ["Secondary: so."]}
        table |= {
            "extra_tests": [section | {"centres": figures, "levels": levels}],
            "centres": figures,
            "levels": levels,
        } | changes
        write_json(tmp_path / "table.json", table, table["provenance"])
        return page(experiments=[experiment | {"table_json": tmp_path / "table.json"}])

    return build


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
