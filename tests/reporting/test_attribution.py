import numpy as np
import pytest

from clipit.reporting.attribution import overlay, where

PATCH = np.full((64, 64, 3), 200, dtype=np.uint8)


def test_what_is_positive_is_tinted_and_the_rest_grey() -> None:
    cells = np.zeros((16, 16))
    cells[:8, 8:] = 1.0
    cells[8:] = -5.0
    picture = overlay(PATCH, cells).astype(int)
    assert picture.shape == (64, 64, 3)
    grey = picture.max(axis=2) - picture.min(axis=2) == 0
    assert grey[36:].all() and grey[:, :28].all()
    assert not grey[:28, 36:].any()
    tinted, plain = picture[10, 50], picture[50, 10]
    assert tinted[0] > tinted[1] > tinted[2], "orange"
    assert tinted.mean() < plain.mean() - 50, "darker too, for who sees no colour"


def test_a_single_cell_and_none_are_drawn() -> None:
    cells = np.zeros((16, 16))
    assert len(np.unique(overlay(PATCH, cells))) == 1
    cells[8, 8] = 1e-9
    assert len(np.unique(overlay(PATCH, cells))) > 1
    assert overlay(np.full((300, 300, 3), 9, np.uint8), cells).shape == (160, 160, 3)


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [(0, 0, "the upper left"), (15, 8, "the bottom"), (8, 8, "the middle"), (7, 15, "the right")],
)
def test_words_say_where_most_lies(row: int, column: int, words: str) -> None:
    cells = np.full((16, 16), -1.0)
    cells[row, column] = 3.0
    assert where(cells) == words


def test_words_for_small_maps_and_for_nothing() -> None:
    assert where(-np.ones((4, 4))) == "nowhere"
    assert where(np.ones((1, 1))) == "the upper left"
