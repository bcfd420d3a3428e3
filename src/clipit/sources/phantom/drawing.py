"""Brushes of the phantom: smooth noise, scattered points, and cells as soft ellipses. Lengths are pixels."""

from functools import cache

import numpy as np


@cache
def _interpolation(size: int, knots: int) -> np.ndarray:
    """Cosine interpolation from `knots` values to `size` pixels as a (size, knots) matrix."""
    position = np.linspace(0, knots - 1, size)
    left = np.minimum(position.astype(int), knots - 2)
    weight = (1 - np.cos(np.pi * (position - left))) / 2
    matrix = np.zeros((size, knots), dtype=np.float32)
    matrix[np.arange(size), left] = 1 - weight
    matrix[np.arange(size), left + 1] += weight
    return matrix


def noise(rng: np.random.Generator, size: int, scale: float) -> np.ndarray:
    """Smooth noise of unit variance at its knots, which lie `scale` pixels apart: float32 (size, size)."""
    matrix = _interpolation(size, max(2, round(size / scale) + 1))
    knots = rng.standard_normal((matrix.shape[1],) * 2, dtype=np.float32)
    return matrix @ knots @ matrix.T


@cache
def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each pixel, float32 (size, size) each."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    return y, x


def lattice(rng: np.random.Generator, size: int, spacing: float, jitter: float) -> np.ndarray:
    """Points (n, 2) about `spacing` apart over the patch and a margin: a turned hexagonal lattice, shaken.

    `jitter` is the standard deviation of the shaking as a share of the spacing.
    """
    points = _hexagons(int(np.ceil(size * 0.75 / spacing)) + 2) * spacing
    turn = rng.uniform(0, np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = points @ rotation + size / 2 + rng.uniform(-spacing / 2, spacing / 2, 2)
    points += rng.normal(0, jitter * spacing, points.shape)
    margin = spacing
    return points[((points > -margin) & (points < size + margin)).all(axis=1)]


@cache
def _hexagons(n: int) -> np.ndarray:
    """A hexagonal lattice of unit spacing, `n` rows and columns to each side of the origin: (points, 2)."""
    row, column = np.mgrid[-n : n + 1, -n : n + 1]
    return np.stack([row * 0.866, column + 0.5 * (row % 2)], axis=-1).reshape(-1, 2)


def at(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """`field` (size, size) at `points` (n, 2), the nearest pixel; points outside read the border."""
    index = np.clip(np.rint(points).astype(int), 0, field.shape[0] - 1)
    return field[index[:, 0], index[:, 1]]


def ellipses(
    size: int,
    points: np.ndarray,
    length: np.ndarray | float,
    breadth: np.ndarray | float,
    angle: np.ndarray | float,
    amount: np.ndarray | float,
    *,
    rim: float = 0.0,
) -> np.ndarray:
    """Dye in soft-edged ellipses, added up where they overlap as light does in a section: float32 (size, size).

    Args:
        points: centres (n, 2), row and column; they may lie outside.
        length: semi-axis along `angle`, (n,) or one for all.
        breadth: the other semi-axis.
        angle: direction of the long axis from the column axis, radians.
        amount: dye of each ellipse.
        rim: share of the dye moved from the middle to the border, as in a vesicular nucleus.
    """
    half = int(np.ceil(max(np.max(length, initial=0), np.max(breadth, initial=0)) + 1.5))
    canvas = size + 4 * half  # padded, so that every stamp fits
    base = np.rint(points).astype(np.int32)
    seen = ((base > -half) & (base < size + half)).all(axis=1)
    part = (base - points)[seen].astype(np.float32)
    base = base[seen] + 2 * half
    values = np.broadcast_arrays(length, breadth, angle, amount, seen)[:4]
    length, breadth, angle, amount = (value[seen, None].astype(np.float32) for value in values)
    dy, dx, offset = _stamp(half, canvas)
    v, u = dy + part[:, :1], dx + part[:, 1:]
    cos, sin = np.cos(angle), np.sin(angle)
    along, across = (u * cos + v * sin) / length, (v * cos - u * sin) / breadth
    radius = np.sqrt(along * along + across * across)
    inside = np.clip((1 - radius) * np.minimum(length, breadth) + np.float32(0.5), 0, 1)
    if rim:
        inside *= np.float32(1 - rim) + np.float32(1.6 * rim) * np.minimum(radius, 1) ** 2
    cells = base[:, :1] * canvas + base[:, 1:] + offset
    drawn = np.bincount(cells.ravel(), weights=(inside * amount).ravel(), minlength=canvas * canvas)
    return drawn.reshape(canvas, canvas)[2 * half : -2 * half, 2 * half : -2 * half].astype(np.float32)


@cache
def _stamp(half: int, canvas: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column offsets of a square of side 2 `half` - 1 and its offsets in a flat canvas, (1, pixels) each."""
    y, x = (offset.reshape(1, -1) for offset in np.mgrid[1 - half : half, 1 - half : half])
    return y.astype(np.float32), x.astype(np.float32), (y * canvas + x).astype(np.int32)
