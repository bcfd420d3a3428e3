"""Where tiles lie: by hand, and by properties that hold for every image."""

import pytest

from clipit.runtime.errors import UserError
from clipit.sources.grid import grid_tiles, tile_side


def test_tiles_lie_row_by_row_from_the_upper_left_corner() -> None:
    assert grid_tiles(25, 20, None, None, 10, 0.0) == [(0, 0, 10), (10, 0, 10), (0, 10, 10), (10, 10, 10)]


def test_half_an_overlap_halves_the_step() -> None:
    tiles = grid_tiles(20, 10, None, None, 10, 0.5)
    assert tiles == [(0, 0, 10), (5, 0, 10), (10, 0, 10)]


@pytest.mark.parametrize("extent", [(0, 0), (9, 40), (40, 9)])
def test_an_image_smaller_than_a_tile_has_none(extent: tuple[int, int]) -> None:
    assert grid_tiles(*extent, None, None, 10, 0.0) == []


def test_the_side_follows_from_the_two_resolutions() -> None:
    assert tile_side(0.25, 0.5, 224) == 448
    assert tile_side(0.42, 0.5, 224) == 267
    assert tile_side(0.5, 0.25, 224) == 112
    assert tile_side(None, None, 224) == tile_side(0.3, None, 224) == 224
    assert grid_tiles(900, 448, 0.25, 0.5, 224, 0.0) == [(0, 0, 448), (448, 0, 448)]


@pytest.mark.parametrize("overlap", [0.0, 0.1, 1 / 3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("extent", [(512, 384), (224, 224), (225, 447), (1000, 224)])
def test_all_lie_inside_and_nearly_all_is_covered(extent: tuple[int, int], overlap: float) -> None:
    width, height = extent
    tiles = grid_tiles(width, height, 0.5, 4.0, 28, overlap)
    step = max(1, round(224 * (1 - overlap)))
    assert len(set(tiles)) == len(tiles)
    assert all(side == 224 and 0 <= x <= width - side and 0 <= y <= height - side for x, y, side in tiles)
    assert {x for x, _, _ in tiles} == set(range(0, width - 223, step))
    assert 0 <= width - (max(x for x, _, _ in tiles) + 224) < step
    assert 0 <= height - (max(y for _, y, _ in tiles) + 224) < step


def test_a_resolution_that_is_missing_or_far_too_coarse_is_told() -> None:
    with pytest.raises(UserError, match="set the data set's key mpp"):
        grid_tiles(1000, 1000, None, 0.5, 224, 0.0)
    with pytest.raises(UserError, match=r"far finer than the images' own 8 microns.*set grid\.mpp to 8 or more"):
        grid_tiles(1000, 1000, 8.0, 0.5, 224, 0.0)
