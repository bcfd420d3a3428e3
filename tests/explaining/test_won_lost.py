import numpy as np
import pytest
from tests.explaining.conftest import CLASSES, PRIMARY, Explained, N, write_predictions

from clipit.explaining.won_lost import SHOWN, read_contest, sides
from clipit.runtime.errors import UserError


def test_the_clearest_test_patches_are_picked_and_none_of_validation(explained: Explained) -> None:
    contest = read_contest(sides(explained.runs, PRIMARY, explained.row))
    won = [i for i in range(N) if i % 7 in (2, 4) and i % 10]
    lost = [i for i in range(N) if i % 7 == 3 and i % 10]
    assert [name for name, gain in zip(contest.patch_id, contest.gain, strict=True) if gain > 0] == [
        f"p{i:02}" for i in won
    ]
    # Later patches are called with more certainty, by both: their margins are larger.
    assert contest.patch_id[contest.picked["won"]].tolist() == [f"p{i:02}" for i in won[::-1][:SHOWN]]
    assert contest.patch_id[contest.picked["lost"]].tolist() == [f"p{i:02}" for i in lost[::-1][:SHOWN]]
    assert [share.shape for share in contest.right] == [(N - N // 10,)] * 2
    assert contest.classes == CLASSES


def test_the_first_row_of_labels_that_fits_counts(explained: Explained) -> None:
    other = [run | {"row": run["row"] | {"dataset": "other"}} for run in explained.runs]
    half = [run | {"row": run["row"] | {"label_fraction": "0.5"}} for run in explained.runs]
    pair = sides([*other, *half, *explained.runs], PRIMARY, explained.row)
    assert [[run["row"]["label_fraction"] for run in side] for side in pair] == [["0.5"] * 2] * 2
    assert sides(other, PRIMARY, explained.row) == [[], []]


def test_predictions_of_other_labels_are_refused(explained: Explained, tmp_path) -> None:
    ours, theirs = sides(explained.runs, PRIMARY, explained.row)
    label = (np.arange(N) + 1) % len(CLASSES)
    odd = write_predictions(tmp_path / "odd.parquet", np.ones(N, bool), label, {"patches": "p"})
    with pytest.raises(UserError, match="different test patches or labels"):
        read_contest([ours, [theirs[0] | {"predictions": odd}]])
    of_others = write_predictions(tmp_path / "others.parquet", np.ones(N, bool), label, {"patches": "q"})
    with pytest.raises(UserError, match="different patches"):
        read_contest([ours, [theirs[0] | {"predictions": of_others}]])
