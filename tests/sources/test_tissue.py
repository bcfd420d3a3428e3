"""The tissue mask, on synthetic overviews."""

import numpy as np
import pytest
from tests.slides_factory import GLASS, blobs, tissue

from clipit.sources.tissue import tissue_mask, tissue_shares


def glass(side: int = 200, noise: float = 1.5, colour: tuple[int, int, int] = GLASS) -> np.ndarray:
    drawn = np.array(colour) + np.random.default_rng(0).normal(0, noise, (side, side, 3))
    return np.clip(drawn, 0, 255).round().astype(np.uint8)


def with_pieces(pieces: np.ndarray, ground: np.ndarray | None = None) -> np.ndarray:
    ground = glass(len(pieces)) if ground is None else ground
    return np.where(pieces[..., None], tissue(len(pieces)), ground)


def test_pieces_of_tissue_are_found() -> None:
    pieces = blobs(200, seed=1)
    assert (tissue_mask(with_pieces(pieces)) == pieces).mean() > 0.97


@pytest.mark.parametrize("noise", [0, 1.5, 4])
@pytest.mark.parametrize("colour", [GLASS, (255, 255, 255), (236, 233, 226)])
def test_an_empty_slide_has_none(noise: float, colour: tuple[int, int, int]) -> None:
    assert not tissue_mask(glass(noise=noise, colour=colour)).any()


def test_a_slide_that_is_tissue_all_over_is_not_halved() -> None:
    pale = 0.35 * tissue(200).astype(float) + 0.65 * np.array((238, 205, 222))
    half = np.where(np.arange(200)[:, None, None] < 100, tissue(200), pale.astype(np.uint8))
    assert tissue_mask(half).mean() > 0.99


@pytest.mark.parametrize(
    ("colour", "found"),
    [((0, 0, 0), False), ((20, 14, 22), False), ((40, 150, 80), False), ((40, 70, 190), False), ((60, 32, 70), True)],
    ids=["fill", "dark fill", "green pen", "blue pen", "lymphocytes"],
)
def test_black_and_pen_are_no_tissue(colour: tuple[int, int, int], found: bool) -> None:
    pieces = np.zeros((200, 200), bool)
    pieces[20:90, 20:90] = True
    drawn = with_pieces(pieces)
    drawn[120:180, 40:160] = colour
    mask = tissue_mask(drawn)
    assert mask[125:175, 45:155].all() == found
    assert mask[125:175, 45:155].any() == found
    assert mask[25:85, 25:85].mean() > 0.99


def test_specks_go_and_small_holes_close() -> None:
    pieces = np.zeros((200, 200), bool)
    pieces[20:120, 20:120] = True
    pieces[50:60, 50:60] = False  # 80 microns a side
    pieces[70:110, 70:110] = False  # 320
    pieces[150:158, 150:158] = True  # 64
    pieces[150:180, 40:70] = True  # 240
    mask = tissue_mask(with_pieces(pieces))
    assert mask[50:60, 50:60].all()
    assert not mask[75:105, 75:105].any()
    assert not mask[145:165, 145:165].any()
    assert mask[155:175, 45:65].all()
    # Of a coarser overview, the same pixels are larger things.
    assert tissue_mask(with_pieces(pieces), mpp=16)[153:155, 153:155].all()


def test_glass_at_the_border_is_no_hole() -> None:
    pieces = np.ones((40, 40), bool)
    pieces[:20, :10] = False
    mask = tissue_mask(with_pieces(pieces))
    assert not mask[:16, :6].any()
    assert mask[24:, 14:].all()


def test_shares_are_exact_also_where_tiles_cut_mask_pixels() -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((20, 30)) < 0.5
    size = 300, 200
    full = mask.repeat(10, axis=0).repeat(10, axis=1)
    tiles = [(0, 0, 10), (0, 0, 200), (3, 7, 25), (290, 190, 10), (101, 33, 57)]
    expected = [full[y : y + width, x : x + width].mean() for x, y, width in tiles]
    assert tissue_shares(mask, tiles, size) == pytest.approx(expected)
    assert tissue_shares(np.ones((7, 11), bool), tiles, size).tolist() == [1] * 5
    assert tissue_shares(np.zeros((7, 11), bool), tiles, size).tolist() == [0] * 5
