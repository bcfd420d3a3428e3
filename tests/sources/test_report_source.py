"""Names of reports."""

import pytest

from clipit.sources.report_source import numbered


@pytest.mark.parametrize(
    ("names", "unique"),
    [
        (["x", "y", "x"], ["x_1", "y", "x_2"]),
        (["x", "x", "x_1"], ["x_2", "x_3", "x_1"]),
        (["x_1", "x", "x_1", "x"], ["x_1_1", "x_2", "x_1_2", "x_3"]),
        (["x_1", "x_1", "x", "x", "x_1_1"], ["x_1_2", "x_1_3", "x_2", "x_3", "x_1_1"]),
        ([], []),
    ],
)
def test_names_become_unique_and_single_ones_stay(names: list[str], unique: list[str]) -> None:
    assert numbered(names) == unique
