"""Synthetic image files of every kind, for the readers of images."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image


def gradient(width: int = 48, height: int = 32) -> np.ndarray:
    """Smooth colours that tell every side apart, uint8 (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), 255 - x * 127 // (width - 1)], -1).astype(
        np.uint8
    )


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Pixels that no format packs well, uint8 (height, width, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(pixels: np.ndarray | Image.Image, kind: str, **settings: Any) -> bytes:
    """A file as Pillow writes it."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def tiff(pixels: np.ndarray, **settings: Any) -> bytes:
    """A file as tifffile writes it."""
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **settings)
    return file.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
