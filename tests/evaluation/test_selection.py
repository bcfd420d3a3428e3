"""Of several settings the one that is best on validation is tested, whatever the test patches say."""

import json
from pathlib import Path
from typing import Any

from clipit.evaluation.selection import choose, chosen_runs, notes_of

ROW = {"dataset": "d"}


def run(folder: Path, variant: str, seed: int, val: float, test: float, **candidate: Any) -> dict[str, Any]:
    path = folder / f"{variant}-{seed}-{candidate}.json"
    splits = {
        name: {"metrics": {"balanced_accuracy": {"value": value}}} for name, value in (("val", val), ("test", test))
    }
    path.write_text(json.dumps({"splits": splits, "provenance": {}}))
    return {"row": ROW, "variant": variant, "seed": seed, "candidate": candidate, "metrics": path}


def test_the_mean_over_seeds_on_validation_decides(tmp_path: Path) -> None:
    runs = [
        run(tmp_path, "clipit", 0, 0.9, 0.1, lr=0.1),
        run(tmp_path, "clipit", 1, 0.5, 0.1, lr=0.1),
        run(tmp_path, "clipit", 0, 0.8, 0.9, lr=0.2),
        run(tmp_path, "clipit", 1, 0.7, 0.9, lr=0.2),
        run(tmp_path, "lora_only", 0, 0.1, 0.1),
    ]
    kept, (choice,) = choose(runs)
    assert [(one["variant"], one["seed"], one["candidate"]) for one in kept] == [
        ("clipit", 0, {"lr": 0.2}),
        ("clipit", 1, {"lr": 0.2}),
        ("lora_only", 0, {}),
    ]
    assert choice["chosen"] == {"lr": 0.2}
    assert [score["validation"] for score in choice["scores"]] == [0.7, 0.75]
    assert chosen_runs(runs, [choice]) == kept
    note, *_ = notes_of([choice])
    assert "clipit: lr 0.2 of 2" in note


def test_no_test_score_can_change_the_choice(tmp_path: Path) -> None:
    def chosen(test_scores: tuple[float, float]) -> Any:
        runs = [
            run(tmp_path, "clipit", 0, val, test, r=r)
            for r, val, test in zip((2, 4), (0.6, 0.5), test_scores, strict=True)
        ]
        return choose(runs)[1][0]["chosen"]

    assert chosen((0.0, 1.0)) == chosen((1.0, 0.0)) == {"r": 2}


def test_of_equals_the_first_counts(tmp_path: Path) -> None:
    runs = [run(tmp_path, "clipit", 0, 0.5, 0.5, r=r) for r in (8, 2)]
    assert choose(runs)[1][0]["chosen"] == {"r": 8}


def test_more_candidates_than_the_control_are_told(tmp_path: Path) -> None:
    runs = [run(tmp_path, "lora_only", 0, 0.5, 0.5, lr=lr) for lr in (1, 2)]
    runs += [run(tmp_path, "clipit", 0, 0.5, 0.5, lr=lr, **{"lambda": weight}) for lr in (1, 2) for weight in (1, 2)]
    _, choices = choose(runs)
    assert any("different numbers of candidates" in note for note in notes_of(choices))


def test_without_lists_there_is_nothing_to_choose(tmp_path: Path) -> None:
    runs = [run(tmp_path, "clipit", seed, 0.5, 0.5) for seed in (0, 1)]
    assert choose(runs) == (runs, [])
    assert notes_of([]) == []
