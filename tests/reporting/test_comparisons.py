"""Every comparison, in words."""

import copy
from typing import Any

import pytest

from clipit.artifacts.tables import read_json
from clipit.reporting.comparisons import comparisons


@pytest.fixture
def table(artefacts: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(read_json(artefacts["experiments"][0]["table_json"]))


def test_each_comparison_is_a_row_and_the_primary_is_marked(table: dict[str, Any]) -> None:
    found = comparisons(table)
    assert found is not None
    assert [row["name"] for row in found["rows"]] == [
        f"{one['variant']} − {one['against']}" for one in table["comparisons"]
    ]
    assert [row["name"] for row in found["rows"] if row["primary"]] == ["clipit − lora_only"]
    assert {len(row["cells"]) for row in found["rows"]} == {len(found["header"])} == {5}
    assert found["areas"] == [], "patients are known: their patches are not independent"


def test_where_no_patient_is_known_the_classical_tests_are_shown(table: dict[str, Any]) -> None:
    area = {"difference": -0.0312, "std_error": 0.01, "p": 0.0021}
    mcnemar = {"only_one": 1234, "only_other": 56, "p": 0.0004}
    table["comparisons"][-1]["independent"] = {"mcnemar": mcnemar, "delong": {"glands": area}}
    table["comparisons"][0]["effect_size"] = None
    found = comparisons(table)
    assert found is not None
    assert found["rows"][-1]["cells"][-3:] == ["1,234", "56", "< 0.001"]
    assert found["rows"][0]["cells"][-4:] == ["–"] * 4
    assert found["classes"] == ["glands"]
    assert [row["cells"] for row in found["areas"]] == [["−3.1, p = 0.002"]]


def test_a_table_that_compares_nothing_has_none(table: dict[str, Any]) -> None:
    assert comparisons({**table, "comparisons": []}) is None
