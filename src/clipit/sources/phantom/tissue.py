"""What each tissue class looks like, as amounts of haematoxylin and eosin over a patch; one micron is one pixel.

The classes differ in structure: how nuclei lie, their size and shape, what is between them. Every function returns
haematoxylin, eosin and the room left for inflammatory cells, float32 (size, size) each, and is a drawing, not a model
of biology.
"""

import numpy as np

from clipit.sources.phantom.drawing import at, ellipses, grid, lattice, noise
from clipit.sources.phantom.findings import Finding

Section = tuple[np.ndarray, np.ndarray, np.ndarray]


def dyes(finding: Finding, rng: np.random.Generator, size: int) -> np.ndarray:
    """Amounts of haematoxylin and eosin, float32 (2, size, size), of a patch of `size` pixels that shows `finding`."""
    section = _DRAW[finding.label](rng, size, finding.grade)
    haematoxylin, eosin = _granulocytes(rng, section) if finding.inflamed else section[:2]
    haematoxylin *= 1 + 0.12 * noise(rng, size, 2.2)
    eosin *= 1 + 0.10 * noise(rng, size, 3.0)
    return np.stack([haematoxylin, eosin])


def _granulocytes(rng: np.random.Generator, section: Section) -> tuple[np.ndarray, np.ndarray]:
    """Round cells, bright with eosin, each with a nucleus of two small lobes."""
    haematoxylin, eosin, room = section
    size = len(room)
    points = lattice(rng, size, 11, 0.22)
    points = points[(at(room, points) > 0.5) & (rng.random(len(points)) < 0.6)]
    turn = rng.uniform(0, np.pi, len(points))
    lobe = 1.5 * np.stack([np.sin(turn), np.cos(turn)], axis=1)
    body = np.minimum(ellipses(size, points, 4.0, 3.7, turn, 1.0), 1)
    lobes = ellipses(size, np.concatenate([points - lobe, points + lobe]), 1.35, 1.2, 0, 0.9)
    return haematoxylin * (1 - body) + lobes, eosin * (1 - body) + 1.1 * body


def _fibres(rng: np.random.Generator, size: int, width: float, waviness: float) -> tuple[np.ndarray, np.ndarray]:
    """Wavy bundles: their eosin (0 to 1) and the direction of the fibres at each pixel, radians."""
    y, x = grid(size)
    turn = rng.uniform(0, np.pi)
    bend = waviness * noise(rng, size, 18)
    phase = (y * np.cos(turn) - x * np.sin(turn) + bend) * (np.pi / width)
    ripple = np.sin(phase + 0.9 * noise(rng, size, 8)) + 0.6 * np.sin(2.3 * phase + 1.3 * noise(rng, size, 10))
    by, bx = np.gradient(bend)
    return np.clip(0.5 + 0.33 * ripple, 0, 1), np.arctan2(np.sin(turn) - bx, np.cos(turn) + by)


def _spindles(
    rng: np.random.Generator, size: int, spacing: float, direction: np.ndarray, where: np.ndarray
) -> np.ndarray:
    """Thin dark nuclei of fibroblasts, laid along the fibres."""
    points = lattice(rng, size, spacing, 0.25)
    points = points[at(where, points) > 0.5]
    n = len(points)
    angle = at(direction, points) + rng.normal(0, 0.12, n)
    return ellipses(size, points, rng.uniform(4.0, 6.5, n), rng.uniform(0.9, 1.4, n), angle, rng.uniform(0.8, 1.1, n))


def _glands(rng: np.random.Generator, size: int, grade: int) -> Section:
    """Round glands: an empty lumen, columns of pale cytoplasm, nuclei in a ring at the base, fibres between."""
    y, x = grid(size)
    radius = rng.uniform(13, 16) if grade == 0 else rng.uniform(17, 21)
    centres = lattice(rng, size, 2 * radius + (6 if grade == 0 else 2.5), 0.05)
    centres = centres[(np.abs(centres - size / 2) < size / 2 + 1.2 * radius).all(axis=1)]
    stretch, turn = rng.uniform(1.0, 1.2 if grade == 0 else 1.35), rng.uniform(0, np.pi)
    cos, sin = np.cos(turn), np.sin(turn)
    scale = radius * rng.uniform(0.92, 1.05, len(centres)).astype(np.float32)
    dy, dx = (grid_axis - centres[:, i, None, None].astype(np.float32) for i, grid_axis in enumerate((y, x)))
    along, across = (dx * cos + dy * sin) / stretch, (dy * cos - dx * sin) * stretch
    reach = (np.sqrt(along * along + across * across) / scale[:, None, None]).min(axis=0)
    wobble = 0.05 * noise(rng, size, 14)
    reach += wobble  # 0 in the middle of a gland, 1 at its base

    def ring(depth: float, spacing: float) -> tuple[np.ndarray, np.ndarray]:
        """Points on the level `reach` = depth of each gland, and their direction from its centre."""
        points, angles = [], []
        for centre, gland_radius in zip(centres, scale, strict=True):
            n = max(6, round(2 * np.pi * gland_radius * depth / spacing))
            phi = 2 * np.pi * (np.arange(n) + rng.normal(0, 0.10, n)) / n + rng.uniform(0, 1)
            u, v = gland_radius * depth * np.cos(phi) * stretch, gland_radius * depth * np.sin(phi) / stretch
            points.append(np.stack([centre[0] + u * sin + v * cos, centre[1] + u * cos - v * sin], axis=1))
            angles.append(np.arctan2(np.sin(phi) * stretch, np.cos(phi) / stretch))
        out, direction = np.concatenate(points), np.concatenate(angles)
        keep = np.abs(at(reach, out) - depth) < 0.12  # not inside a neighbour
        return out[keep], turn - direction[keep]

    lumen_edge = 0.42 + wobble if grade == 0 else 0.36 + 0.13 * noise(rng, size, 5)
    lumen = np.clip((lumen_edge - reach) * radius / 1.2 + 0.5, 0, 1)
    gland = np.clip((1 - reach) * radius / 1.0 + 0.5, 0, 1)
    cell = gland * (1 - lumen)
    fibre, direction = _fibres(rng, size, 4.0, 4.0)
    eosin = (1 - gland) * (0.25 + 0.35 * fibre) + cell * (0.42 + 0.22 * np.clip((reach - 0.45) * 2, 0, 1))
    haematoxylin = 0.06 * (1 - lumen) + 0.05 * cell
    rows = ((0.80, 4.6),) if grade == 0 else ((0.83, 4.4), (0.64, 4.9))
    for depth, spacing in rows:
        points, angle = ring(depth, spacing)
        n = len(points)
        points = points + rng.normal(0, 0.35, points.shape)
        length, breadth, amount = rng.uniform([[2.6], [1.6], [0.8]], [[3.2], [2.0], [1.0]], (3, n))
        haematoxylin += ellipses(size, points, length, breadth, angle, amount, rim=0.2)
    haematoxylin += _spindles(rng, size, 9, direction, reach > 1.05)
    return haematoxylin, eosin, (reach > 0.5).astype(np.float32)


def _tumour(rng: np.random.Generator, size: int, grade: int) -> Section:
    """Crowded large dark nuclei of every size and direction, in sheets with punched-out lumens (0) or none (1)."""
    nest = np.clip(2.4 + 2.2 * noise(rng, size, 24), 0, 1)  # the rest is reactive stroma
    holes = np.clip(4 * (noise(rng, size, 8.5) - 0.62), 0, 1) * nest * (grade == 0)
    fibre, direction = _fibres(rng, size, 4.0, 5.0)
    eosin = (1 - nest) * (0.35 + 0.4 * fibre) + nest * (0.45 + 0.06 * noise(rng, size, 5))
    eosin *= 1 - 0.95 * holes
    haematoxylin = 0.14 * nest * (1 - holes) + 0.05 * (1 - nest)
    points = lattice(rng, size, 6.4 if grade == 0 else 7.2, 0.20)
    points = points[(at(nest, points) > 0.6) & (at(holes, points) < 0.25)]
    n = len(points)
    spread = 0.20 if grade == 0 else 0.30
    length = np.clip(3.4 * np.exp(rng.normal(0.06 * grade, spread, n)), 2.2, 6.0)
    breadth = length * rng.uniform(0.60, 0.95, n)
    angle, amount = rng.uniform(0, np.pi, n), rng.uniform(0.55, 1.05, n)
    haematoxylin += ellipses(size, points, length, breadth, angle, amount, rim=0.45)
    nucleoli = points + rng.normal(0, 0.7, points.shape)
    haematoxylin += ellipses(size, nucleoli[length > 3.2], 0.9, 0.9, 0, 0.6)
    if grade == 1:
        mitoses = points[rng.random(n) < 0.05]
        haematoxylin += ellipses(size, mitoses, 3.2, 1.2, rng.uniform(0, np.pi), 1.2)
    haematoxylin += _spindles(rng, size, 8, direction, nest < 0.4)
    return haematoxylin, eosin, (holes < 0.3).astype(np.float32)


def _lymphocytes(rng: np.random.Generator, size: int, grade: int) -> Section:
    """Small round dark nuclei, shoulder to shoulder; in a follicle they ring a pale centre of larger cells."""
    y, x = grid(size)
    haematoxylin = np.full((size, size), 0.06, dtype=np.float32)
    eosin = 0.28 + 0.10 * noise(rng, size, 6)
    points = lattice(rng, size, rng.uniform(5.0, 5.6), 0.13)
    if grade == 1:
        middle = rng.uniform(0.35, 0.65, 2) * size
        distance = np.hypot(y - middle[0], x - middle[1]) / rng.uniform(17, 22) + 0.10 * noise(rng, size, 14)
        large = lattice(rng, size, 7.6, 0.15)
        large = large[at(distance, large) < 0.9]
        n = len(large)
        length, breadth, angle = rng.uniform([[2.8], [2.4], [0.0]], [[3.5], [3.0], [np.pi]], (3, n))
        haematoxylin += ellipses(size, large, length, breadth, angle, 0.42, rim=0.5)
        points = points[at(distance, points) > 1.0]
    else:
        points = points[at(noise(rng, size, 16), points) > -1.3]
    n = len(points)
    length, breadth, amount = rng.uniform([[2.1], [2.0], [0.85]], [[2.5], [2.4], [1.1]], (3, n))
    haematoxylin += ellipses(size, points, length, breadth, 0, amount)
    return haematoxylin, eosin, np.ones((size, size), dtype=np.float32)


def _stroma(rng: np.random.Generator, size: int, grade: int) -> Section:
    """Wavy collagen with thin nuclei along the fibres: loose with clear gaps (0) or packed thick bundles (1)."""
    if grade == 0:
        fibre, direction = _fibres(rng, size, rng.uniform(3.6, 4.6), 4.5)
        eosin = np.clip(1.5 * fibre - 0.3, 0, 1) * 0.6
    else:
        fibre, direction = _fibres(rng, size, rng.uniform(7.5, 10.0), 3.0)
        eosin = 0.40 + 0.45 * np.clip(2 * fibre - 0.4, 0, 1)
    haematoxylin = 0.05 + 0.03 * fibre
    everywhere = np.ones((size, size), dtype=np.float32)
    haematoxylin += _spindles(rng, size, 10 if grade == 0 else 14, direction, everywhere)
    return haematoxylin, eosin, everywhere


def _mucin(rng: np.random.Generator, size: int, grade: int) -> Section:
    """Pale smeared pools between thin septa, with a few cells afloat (0) or in clusters (1)."""
    height = noise(rng, size, 26)
    septum = np.exp(-((height / 0.16) ** 2))
    fibre, direction = _fibres(rng, size, 3.0, 6.0)
    smear = np.clip(0.5 + 0.3 * noise(rng, size, 12) + 0.16 * np.sin(3.5 * noise(rng, size, 15) + fibre), 0, 1)
    eosin = septum * (0.35 + 0.4 * fibre) + 0.07 * (1 - septum)
    haematoxylin = 0.05 + 0.20 * smear * (1 - septum)
    haematoxylin += _spindles(rng, size, 9, direction, septum > 0.7)
    pool = septum < 0.25
    if grade == 0:
        points = lattice(rng, size, 22, 0.25)
        points = points[at(pool, points)]
    else:
        islands = lattice(rng, size, 26, 0.15)
        islands = islands[at(pool, islands)]
        points = np.concatenate([islands + 4.2 * step for step in _cluster(rng)]) if len(islands) else islands
    n = len(points)
    eosin += 0.35 * np.minimum(ellipses(size, points, 4.2, 3.8, 0, 1.0), 1)
    length, breadth, angle = rng.uniform([[2.2], [1.8], [0.0]], [[2.9], [2.3], [np.pi]], (3, n))
    haematoxylin += ellipses(size, points, length, breadth, angle, 0.9)
    return haematoxylin, eosin, np.ones((size, size), dtype=np.float32)


def _cluster(rng: np.random.Generator) -> np.ndarray:
    """Offsets of the cells of a cluster: one in the middle, five around it."""
    phi = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(5) / 5
    steps = np.concatenate([np.zeros((1, 2)), np.stack([np.sin(phi), np.cos(phi)], axis=1)])
    return steps + rng.normal(0, 0.12, (6, 2))


def _debris(rng: np.random.Generator, size: int, grade: int) -> Section:
    """Granular remains of cells: no whole nuclei, faint outlines (0) or coarse dark fragments (1)."""
    eosin = 0.50 + 0.10 * noise(rng, size, 9) + 0.16 * noise(rng, size, 1.6)
    cracks = 1 - 0.9 * np.clip(1.5 * noise(rng, size, 6) - 1.6, 0, 1)
    eosin = np.clip(eosin, 0.1, None) * cracks
    haematoxylin = np.clip(0.10 + 0.05 * noise(rng, size, 1.4) + 0.05 * noise(rng, size, 8), 0, None) * cracks
    if grade == 0:
        ghosts = lattice(rng, size, 8.5, 0.2)
        haematoxylin += ellipses(size, ghosts, 3.0, 2.6, rng.uniform(0, np.pi, len(ghosts)), 0.22, rim=0.9)
    points = lattice(rng, size, 4.6 if grade == 0 else 4.2, 0.45)
    points = points[at(noise(rng, size, 9), points) > (0.3 if grade == 0 else -0.5)]
    n = len(points)
    length = rng.uniform(0.5, 1.0, n) if grade == 0 else np.clip(np.exp(rng.normal(0.1, 0.4, n)), 0.6, 2.2)
    flatness, angle, amount = rng.uniform([[0.5], [0.0], [0.5]], [[1.0], [np.pi], [1.2]], (3, n))
    haematoxylin += ellipses(size, points, length, length * flatness, angle, amount)
    return haematoxylin, eosin, np.ones((size, size), dtype=np.float32)


_DRAW = (_glands, _tumour, _lymphocytes, _stroma, _mucin, _debris)
