"""Which candidate of a variant is tested: where settings were lists, the one that is best on validation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clipit.artifacts.tables import read_json

METRIC = "balanced_accuracy"

Runs = Sequence[Mapping[str, Any]]


def choose(runs: Runs) -> tuple[list[Mapping[str, Any]], list[dict[str, Any]]]:
    """The runs of the chosen candidates, in the order given, and what was chosen among what.

    Each of `runs` has "row", "variant", "candidate" (its values of the settings that are lists) and "metrics" (a path).
    The candidate with the highest balanced accuracy on validation, averaged over seeds, is chosen, of equals the first;
    no test patch takes part. A choice is {"row", "variant", "chosen", "scores": [{"candidate", "validation"}]}; there
    is none where a variant has one candidate.
    """
    contests: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for run in runs:
        contest = contests.setdefault(str((run["row"], run["variant"])), {})
        contest.setdefault(str(run.get("candidate")), []).append(run)
    kept: list[int] = []
    choices = []
    for contest in contests.values():
        winner, scores = next(iter(contest)), []
        if len(contest) > 1:
            values = {name: _validation(seeds) for name, seeds in contest.items()}
            winner = max(values, key=lambda name: values[name])  # the first of equals
            scores = [
                {"candidate": seeds[0]["candidate"], "validation": values[name]} for name, seeds in contest.items()
            ]
        won = contest[winner]
        kept += map(id, won)
        if scores:
            first = won[0]
            choices.append(
                {"row": first["row"], "variant": first["variant"], "chosen": first["candidate"], "scores": scores}
            )
    wanted = set(kept)
    return [run for run in runs if id(run) in wanted], choices


def chosen_runs(runs: Runs, choices: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The runs that a table with these choices shows."""
    chosen = {str((choice["row"], choice["variant"])): choice["chosen"] for choice in choices}
    keys = [str((run["row"], run["variant"])) for run in runs]
    return [run for run, key in zip(runs, keys, strict=True) if key not in chosen or run["candidate"] == chosen[key]]


def notes_of(choices: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was chosen, in words."""
    if not choices:
        return []
    told = [
        f"{choice['variant']}{_where(choice['row'], choices)}: "
        + ", ".join(
            f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in choice["chosen"].items()
        )
        + f" of {len(choice['scores'])}"
        for choice in choices
    ]
    notes = [f"Settings were chosen by {METRIC.replace('_', ' ')} on validation, never on test: {'; '.join(told)}."]
    if len({len(choice["scores"]) for choice in choices}) > 1:
        notes.append("Variants had different numbers of candidates: the one with more had more chances to look good.")
    return notes


def _validation(runs: Runs) -> float:
    scores = [read_json(run["metrics"])["splits"]["val"]["metrics"][METRIC]["value"] for run in runs]
    return float(np.mean(scores))


def _where(row: Mapping[str, Any], choices: Sequence[Mapping[str, Any]]) -> str:
    """The labels of a row that tell it from those of the other choices, in brackets."""
    varying = [key for key in row if len({choice["row"].get(key) for choice in choices}) > 1]
    return f" ({', '.join(str(row[key]) for key in varying)})" if varying else ""
