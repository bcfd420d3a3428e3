"""What differs between two sets of parameters, of which the old ones have lost their names."""

from typing import Any

import pytest

from clipit.workflow.changed_params import changed_params


@pytest.mark.parametrize(
    ("now", "before", "lines"),
    [
        ({"threads": 2}, ["1"], ["threads is 2, was 1"]),
        ({"share": 1}, ["0.5"], ["share is 1, was 0.5"]),
        ({"settings": {"lambda": 0.5, "lr": 1}}, ["{'lambda': 1.0, 'lr': 1}"], ["settings.lambda is 0.5, was 1.0"]),
        ({"settings": {"lora": {"r": 8}}}, ["{'lora': {'r': 4}}"], ["settings.lora.r is 8, was 4"]),
        ({"settings": {"b": 1}}, ["{'a': 1}"], ["settings.a is gone (was 1)", "settings.b is 1, was not there"]),
        ({"settings": {"lora": {"r": 8}}}, ["{'lora': None}"], ["settings.lora is {'r': 8}"]),
        ({"fingerprint": "ab"}, ["'cd'"], ["own files changed"]),
        ({"device": "cuda"}, [], ["device is 'cuda'"]),
        ({"device": "cuda"}, ["<unreadable>"], ["device is 'cuda'"]),
        (
            {"one": {"a": 1, "b": 3}, "two": {"c": 2, "d": 5}},
            ["{'c': 2, 'd': 4}", "{'a': 1, 'b': 2}"],
            ["one.b is 3, was 2", "two.d is 5, was 4"],
        ),
    ],
)
def test_each_difference_is_a_line(now: dict[str, Any], before: list[str], lines: list[str]) -> None:
    assert list(changed_params(now, before)) == lines


def test_long_values_are_cut() -> None:
    (line,) = changed_params({"words": "x" * 500}, [repr("y" * 500)])
    assert len(line) < 150
