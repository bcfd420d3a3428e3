"""Synthetic whole slides: tissue-like patterns in small pyramidal TIFF files, and regions drawn on them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

GLASS, STROMA, NUCLEI = (243, 242, 244), (223, 150, 190), (98, 62, 140)
TILE = 256


def tissue(side: int, seed: int = 0) -> np.ndarray:
    """A square of pink stroma with purple nuclei, uint8 (side, side, 3), that repeats without a seam."""
    rng = np.random.default_rng(seed)
    fibres, cells = _smooth(rng, side, 24), _smooth(rng, side, 10)
    pink = np.array(STROMA) + fibres[..., None] * [14, 26, 16]
    share = 1 / (1 + np.exp(-6 * (cells - 1.1)))[..., None]
    noise = rng.normal(0, 4, (side, side, 1))
    return np.clip(pink * (1 - share) + np.array(NUCLEI) * share + noise, 0, 255).astype(np.uint8)


def blobs(side: int, seed: int = 0, share: float = 0.45) -> np.ndarray:
    """A mask of smooth pieces that cover about `share` of a square and leave its border free, bool (side, side)."""
    rng = np.random.default_rng(seed)
    away = np.abs(np.linspace(-1, 1, side))
    field = _smooth(rng, side, side // 6) - 6 * np.maximum(away[:, None], away) ** 8
    return field > np.quantile(field, 1 - share)


def _smooth(rng: np.random.Generator, side: int, scale: int) -> np.ndarray:
    """Noise of the given scale in pixels, mean 0 and standard deviation 1, periodic."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    spectrum = np.fft.rfft2(rng.normal(size=(side, side))) * np.exp(-((frequency * scale) ** 2) * 2)
    field = np.fft.irfft2(spectrum, (side, side))
    return (field - field.mean()) / field.std()


def tissue_slide(side: int, seed: int = 0, share: float = 0.45) -> np.ndarray:
    """A whole slide's pixels: pieces of tissue on glass, uint8 (side, side, 3)."""
    return np.where(blobs(side, seed, share)[..., None], tissue(side, seed), np.uint8(GLASS))


def position_coded(width: int, height: int) -> np.ndarray:
    """Pixels that tell their own place (`places`), at most 1,024 a side, uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    return np.stack([128 + x // 8, x % 8 + 8 * (y % 8), 128 + y // 8], axis=2).astype(np.uint8)


def places(pixels: np.ndarray) -> np.ndarray:
    """The (x, y) that position-coded pixels tell, int64 (height, width, 2)."""
    red, green, blue = np.moveaxis(pixels.astype(np.int64), 2, 0)
    return np.stack([8 * (red - 128) + green % 8, 8 * (blue - 128) + green // 8], axis=2)


def pyramid(pixels: np.ndarray, factors: Sequence[int] = (1, 4, 16)) -> list[np.ndarray]:
    """Levels, each the mean over squares of the first."""
    return [_reduced(pixels, factor) for factor in factors]


def write_slide(
    path: Path,
    levels: Sequence[np.ndarray],
    *,
    mpp: float | None = 0.5,
    kind: str = "tiff",
    compression: str | None = "zlib",
    tile: int | None = TILE,
) -> Path:
    """Writes `levels`, uint8 (height, width, 3) each, as a pyramid of tiles (strips, if `tile` is None).

    `kind` is tiff (resolution in its tags), svs (in Aperio's description) or ome (in OME-XML, one plane a colour).
    """
    common: dict[str, Any] = {"compression": compression, "photometric": "rgb"}
    if tile is not None:
        common["tile"] = (tile, tile)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, bigtiff=False, ome=kind == "ome") as file:
        if kind == "ome":
            _write_ome(file, levels, mpp, common)
            return path
        for number, level in enumerate(levels):
            options: dict[str, Any] = {"metadata": None}
            if kind == "svs":
                options["description"] = "Aperio Image Library v12.0.0\r\n" + _aperio(level, mpp)
            else:
                options["subfiletype"] = int(number > 0)
                if mpp is not None:
                    dots = 1e4 / mpp * level.shape[1] / levels[0].shape[1]
                    options |= {"resolution": (dots, dots), "resolutionunit": "CENTIMETER"}
            file.write(level, **options, **common)
            if number == 0 and kind == "svs":  # a thumbnail follows the first level
                file.write(levels[-1], metadata=None, photometric="rgb", rowsperstrip=len(levels[-1]))
    return path


def write_regions(path: Path, outlines: Mapping[str, Sequence[Sequence[float]]]) -> Path:
    """Writes one polygon a label, closed and in level-0 pixels, as QuPath exports them (GeoJSON)."""
    regions = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [outline]},
            "properties": {"objectType": "annotation", "classification": {"name": label}},
        }
        for label, outline in outlines.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": regions}))
    return path


def _write_ome(
    file: tifffile.TiffWriter, levels: Sequence[np.ndarray], mpp: float | None, common: dict[str, Any]
) -> None:
    sizes = {} if mpp is None else {"PhysicalSizeX": mpp, "PhysicalSizeY": mpp}
    units = {} if mpp is None else {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    common = {**common, "photometric": "minisblack"}
    for number, level in enumerate(levels):
        planes = np.ascontiguousarray(level.transpose(2, 0, 1))
        if number == 0:
            file.write(planes, subifds=len(levels) - 1, metadata={"axes": "CYX", **sizes, **units}, **common)
        else:
            file.write(planes, subfiletype=1, metadata=None, **common)


def _aperio(level: np.ndarray, mpp: float | None) -> str:
    size = f"{level.shape[1]}x{level.shape[0]} (256x256) JPEG/RGB Q=70|AppMag = 20"
    return size if mpp is None else f"{size}|MPP = {mpp}"


def _reduced(pixels: np.ndarray, factor: int) -> np.ndarray:
    height, width = (side // factor for side in pixels.shape[:2])
    whole = pixels[: height * factor, : width * factor].reshape(height, factor, width, factor, 3)
    return whole.mean(axis=(1, 3)).round().astype(np.uint8)


def write_large_slide(path: Path, side: int, *, mpp: float = 0.5, share: float = 0.45, seed: int = 0) -> Path:
    """Writes a JPEG-tiled pyramid (1, 4, 16) of `side` pixels, tile by tile: memory does not grow with the side."""
    period = 1024
    pattern = tissue(period, seed)
    pieces = Image.fromarray(blobs(512, seed, share).astype(np.uint8) * 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for factor in (1, 4, 16):
            file.write(
                _tiles(_reduced(pattern, factor), pieces, side // factor),
                shape=(side // factor, side // factor, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="rgb",
                compression="jpeg",
                compressionargs={"level": 80},
                subfiletype=int(factor > 1),
                resolution=(1e4 / mpp / factor,) * 2,
                resolutionunit="CENTIMETER",
                metadata=None,
            )
    return path


def _tiles(pattern: np.ndarray, pieces: Image.Image, side: int) -> Iterator[np.ndarray]:
    """The tiles of a level, row by row: `pattern` repeated, where `pieces` (the whole slide) are white."""
    scale = pieces.width / side
    for y in range(0, side, TILE):
        for x in range(0, side, TILE):
            box = (x * scale, y * scale, (x + TILE) * scale, (y + TILE) * scale)
            box = tuple(min(edge, float(pieces.width)) for edge in box)
            mask = np.asarray(pieces.resize((TILE, TILE), Image.Resampling.BILINEAR, box=box)) > 127
            rows, columns = (np.arange(at, at + TILE) % len(pattern) for at in (y, x))
            yield np.where(mask[..., None], pattern[np.ix_(rows, columns)], np.uint8(GLASS))
