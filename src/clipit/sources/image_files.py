"""Image files as square patches."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from clipit.sources.image_source import BadImage
from clipit.sources.in_order import in_order

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")


def image_files(folder: Path) -> list[Path]:
    """The image files under `folder`, sorted; hidden ones left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def read_square(path: Path, size: int) -> np.ndarray:
    """The image file as a patch, by `to_square`.

    Raises:
        BadImage: the file is missing, truncated, not an image, or far larger than a patch can be.
    """
    try:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
    except FileNotFoundError as error:
        raise BadImage("file not found") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # The message may hold the file's absolute path, which must not enter an artefact.
        raise BadImage(f"not a readable image ({type(error).__name__})") from error
    return to_square(rgb, size)


def to_square(image: Image.Image, size: int) -> np.ndarray:
    """An RGB image as uint8 (size, size, 3): shorter side resized to `size` (bicubic, antialiased), centre cropped."""
    scale = size / min(image.size)
    if scale != 1:
        width, height = (max(size, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size)))


def read_squares(paths: Iterable[Path], size: int, threads: int) -> Iterator[np.ndarray | BadImage]:
    """`read_square` of each path in turn, or why there is none."""

    def read(path: Path) -> np.ndarray | BadImage:
        try:
            return read_square(path, size)
        except BadImage as reason:
            return reason

    return in_order(read, paths, threads)
