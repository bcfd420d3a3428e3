import pytest

from clipit.reporting.axis import MARGIN, WIDTH, Axis, window


@pytest.mark.parametrize("values", [[0.5, 0.81], [0.9412, 0.9577], [0.7, 0.7], [0.0, 1.0]])
def test_axis_holds_its_values_with_few_round_ticks(values: list[float]) -> None:
    axis = Axis.over(values)
    assert all(MARGIN <= axis.at(value) <= WIDTH - MARGIN for value in values)
    assert 2 <= len(axis.ticks) <= 6
    assert len({label for _, label in axis.ticks}) == len(axis.ticks)
    assert axis.at(values[0]) <= axis.at(values[1])


def test_axis_of_differences_is_signed() -> None:
    assert [label for _, label in Axis.over([-0.013, 0.0, 0.034], signed=True).ticks] == ["−2", "0", "+2", "+4"]


def test_weak_baseline_does_not_crush_the_rest() -> None:
    ends = window([0.76, 0.82], [0.25, 0.82, 0.86])
    assert ends == pytest.approx([0.64, 0.86])
    mark = Axis.over(ends).mark(0.27, {"low": 0.25, "high": 0.29})
    assert mark["beyond"] == "low"
    assert mark["low"] == mark["high"] == MARGIN
