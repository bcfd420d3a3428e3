"""Square tiles over an image or a whole slide: where they lie."""

from clipit.runtime.errors import UserError

# A tile that is enlarged more than this would show the interpolation, not the tissue.
_MOST_ENLARGED = 4


def grid_tiles(
    width: int, height: int, mpp: float | None, wanted: float | None, size: int, overlap: float
) -> list[tuple[int, int, int]]:
    """The tiles over an image, (x, y, side) in level-0 pixels, row by row; none where it is smaller than one.

    The first lies in the upper left corner, each next one `side * (1 - overlap)` pixels on (rounded, at least one).
    All lie wholly inside: what remains at the right and at the bottom, less than such a step, is in no tile.

    Args:
        width: of the image, level-0 pixels.
        height: of the image, level-0 pixels.
        mpp: microns per pixel of level 0; None: unknown.
        wanted: microns per pixel of the stored patches; None: those of level 0.
        size: side of a stored patch, pixels.
        overlap: share of its side that a tile shares with the next one, in [0, 1).

    Raises:
        UserError: see `tile_side`.
    """
    side = tile_side(mpp, wanted, size)
    step = max(1, round(side * (1 - overlap)))
    return [(x, y, side) for y in range(0, height - side + 1, step) for x in range(0, width - side + 1, step)]


def tile_side(mpp: float | None, wanted: float | None, size: int) -> int:
    """Side in level-0 pixels, rounded, of a tile that is stored as `size` pixels of `wanted` microns each.

    Raises:
        UserError: `mpp` is unknown and `wanted` is not, or `wanted` is far finer than `mpp`.
    """
    if wanted is None:
        return size
    if mpp is None:
        raise UserError(
            f"grid.mpp {wanted:g} needs the resolution of the images, which is unknown: set the data set's key mpp "
            "(their microns per pixel), or leave out grid.mpp to cut tiles at their own resolution"
        )
    side = round(size * wanted / mpp)
    if side * _MOST_ENLARGED < size:
        raise UserError(
            f"grid.mpp {wanted:g} is far finer than the images' own {mpp:g} microns per pixel (mpp): set grid.mpp to "
            f"{mpp:g} or more"
        )
    return side
