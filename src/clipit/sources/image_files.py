"""Image files as RGB pictures, or the reason why there is none.

What a file holds decides, not its suffix. Pixels are taken as they are: colour profiles (ICC) are ignored. Damage
that a format does not reveal, a JPEG or an uncompressed file whose bytes were changed in the middle, is not seen.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageOps,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile

from clipit.runtime.errors import UserError
from clipit.sources.image_source import BadImage
from clipit.sources.rgb import as_rgb, channel_bits, check_kind, tiff_kind

SUFFIXES = (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

# Other plugins of Pillow never see a file: some of them start programs.
_FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        TiffImagePlugin.TiffImageFile,
        BmpImagePlugin.BmpImageFile,
        GifImagePlugin.GifImageFile,
        WebPImagePlugin.WebPImageFile,
        Jpeg2KImagePlugin.Jpeg2KImageFile,
    )
)

MAX_PIXELS = 64_000_000
"""Pixels of the largest image that is decoded, at 4 bytes each: more may be a decompression bomb, or a whole slide."""

_IN_MEMORY = 64_000_000  # bytes of a file that is read at once, which is faster
_THUMBNAIL = 256  # longer side of a reduced second picture that some cameras add to a TIFF
_REDUCED = 1  # bit of a TIFF page's NEWSUBFILETYPE: it is a smaller version of another one
_NEWSUBFILETYPE, _TILEWIDTH, _SUBIFDS = 254, 322, 330
_SCAN, _END = 0xDA, b"\xff\xd9"  # the markers after which a JPEG's pixels begin and end

_TOO_LARGE = f"more than {MAX_PIXELS // 1_000_000} million pixels: cut it up, or use source: slides if it is a slide"
_SLIDE = "a whole slide (one picture at several sizes): use source: slides"


def image_files(folder: Path) -> list[Path]:
    """The image files under `folder`, sorted; hidden ones left out."""
    # By parts, as paths compare; comparing paths themselves would leave a list of its parts in each.
    return sorted((path for path in visible_files(folder) if path.suffix.lower() in SUFFIXES), key=_parts)


def _parts(path: Path) -> list[str]:
    return str(path).split(os.sep)


def visible_files(folder: Path) -> Iterator[Path]:
    """The files under `folder` in any order; neither they nor a folder on the way to them are hidden.

    Links to folders are followed, unless they lead back to a folder that they lie in. No folder, no file.

    Raises:
        UserError: a folder cannot be read.
    """
    if folder.is_dir():
        yield from (Path(entry.path) for entry in visible_entries(str(folder)))


def visible_entries(folder: str, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator["os.DirEntry[str]"]:
    """What `visible_files` gives, as the folders hold it; `above` are the devices and inodes of the folders above."""
    try:
        status = os.stat(folder)
        with os.scandir(folder) as scanned:
            entries = [entry for entry in scanned if not entry.name.startswith(".")]
    except OSError as error:
        raise UserError(f"folder {folder} cannot be read ({error.strerror}): allow it, or move the folder") from error
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for entry in entries:
        if entry.is_dir():
            yield from visible_entries(entry.path, above | {here})
        else:
            yield entry


def image_size(path: Path) -> tuple[int, int]:
    """Width and height as `read_rgb` gives them, from the file's header alone.

    Raises:
        BadImage: the header tells that the file cannot be used.
    """
    with _opened(path, whole=False) as image:
        turned = image.format != "TIFF" and _orientation(image) >= 5  # Pillow turns the size of a TIFF itself
        return (image.height, image.width) if turned else image.size


def read_rgb(path: Path) -> Image.Image:
    """The picture in a file as 8-bit RGB, turned upright by its EXIF orientation.

    16-bit values lose their lower 8 bits, transparent pixels lie on white, greyscale, palette and CMYK are converted.

    Raises:
        BadImage: the file is missing, damaged, cut short, of a kind that is not read, too large, or holds several
            pictures. The message holds no path, since it enters an artefact.
    """
    with _opened(path, whole=True) as image:
        bits = channel_bits(image)
        image.load()
        if _orientation(image) > 1:
            ImageOps.exif_transpose(image, in_place=True)
        return as_rgb(image, bits)


def to_patch(image: Image.Image, size: int) -> np.ndarray:
    """`to_square` of an image that is large enough for it.

    Raises:
        BadImage: its shorter side is below a quarter of `size`.
    """
    least = -(-size // 4)
    if min(image.size) < least:
        raise BadImage(f"{_extent(image)}, too small for a patch of {size} px: the shorter side must have {least}")
    return to_square(image, size)


def to_square(image: Image.Image, size: int) -> np.ndarray:
    """An RGB image as uint8 (size, size, 3): shorter side resized to `size` (bicubic, antialiased), centre cropped."""
    if image.size == (size, size):
        return np.asarray(image)
    # Only what the crop keeps is resized; resizing all of it first gives the same pixels.
    width, height = (max(size, round(side * size / min(image.size))) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    across, down = image.width / width, image.height / height
    box = (left * across, top * down, (left + size) * across, (top + size) * down)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))


def to_tile(image: Image.Image, x: int, y: int, width: int, size: int) -> np.ndarray:
    """The square of side `width` at (`x`, `y`) of an RGB image, resized (bicubic): uint8 (size, size, 3).

    Raises:
        BadImage: it does not lie in the image.
    """
    if x + width > image.width or y + width > image.height:
        raise BadImage(f"{_extent(image)}, too small for a tile of {width} px")
    box = (x, y, x + width, y + width)
    if width == size:
        return np.asarray(image.crop(box))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))


def _extent(image: Image.Image) -> str:
    return f"{image.width:,} x {image.height:,} px"


@contextlib.contextmanager
def _opened(path: Path, *, whole: bool) -> Iterator[ImageFile]:
    """The picture of a file, its header read and checked; whatever goes wrong inside the block is a `BadImage`.

    `whole`: its pixels will be asked for.
    """
    try:
        with open(path, "rb") as file:
            length = os.fstat(file.fileno()).st_size
            if not length:
                raise BadImage("the file is empty")
            content = io.BytesIO(file.read()) if whole and length <= _IN_MEMORY else file
            with _identified(content) as image:
                _check_size(*image.size)
                _check_single(image)
                check_kind(image)
                if image.format in ("JPEG", "MPO") and isinstance(content, io.BytesIO):
                    _check_end(content.getvalue())
                yield image
    except (BadImage, MemoryError):
        raise
    except Exception as error:  # Pillow raises anything on a damaged file
        raise BadImage(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "file not found"
    if isinstance(error, Image.DecompressionBombError):
        return _TOO_LARGE
    said = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), type(error).__name__)
    return f"not a readable image ({said})"


def _identified(file: IO[bytes]) -> ImageFile:
    try:
        return Image.open(file, formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise BadImage(tiff_kind(file) or "not a readable image (none of the kinds that are read)") from error


def _orientation(image: ImageFile) -> int:
    """1 (upright) to 8, as EXIF numbers it."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # EXIF that nothing can be read from says nothing
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise BadImage(f"{width:,} x {height:,} px: {_TOO_LARGE}")


def _check_single(image: ImageFile) -> None:
    """Refuses files that hold several pictures; of a camera's MPO, the first is the photograph."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        _check_pages(image)
    elif image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise BadImage(f"holds {image.n_frames} pictures: save the one that is meant")  # type: ignore[attr-defined]


def _check_pages(image: TiffImagePlugin.TiffImageFile) -> None:
    if _SUBIFDS in image.tag_v2 and _TILEWIDTH in image.tag_v2:
        raise BadImage(_SLIDE)
    if not image.is_animated:
        return
    (width, height), others = image.size, []
    for number in range(1, image.n_frames):
        image.seek(number)
        reduced = bool(image.tag_v2.get(_NEWSUBFILETYPE, 0) & _REDUCED)
        if not (reduced and max(image.size) <= _THUMBNAIL):
            others.append((reduced, image.size))
    image.seek(0)
    for reduced, (w, h) in others:
        if reduced or (w < width and abs(w * height / width - h) <= 1):
            raise BadImage(_SLIDE)
    if others:
        raise BadImage(f"holds {image.n_frames} pictures: save the one that is meant")


def _check_end(data: bytes) -> None:
    """Refuses a JPEG without its end mark: Pillow takes the zeros that a broken copy leaves for pixels."""
    if data.endswith(_END):
        return
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1] != _SCAN:
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    if data.find(_END, at) < 0:
        raise BadImage("not a readable image (a JPEG without an end: cut short)")
