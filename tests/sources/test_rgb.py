"""Colours and depths: what becomes of each, pixel by pixel, and what is refused."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from tests.sources.pictures import encoded, gradient, tiff, write

from clipit.sources.image_files import image_size, read_rgb
from clipit.sources.image_source import BadImage

PICTURE = gradient()
GREY = PICTURE[..., 0].copy()
ON_WHITE = (PICTURE.astype(np.float64) + 255) / 2
HALF = np.full(GREY.shape, 128, np.uint8)


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2)


def deep(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.uint16) * 257


def image(pixels: np.ndarray, mode: str) -> Image.Image:
    return Image.fromarray(pixels).convert(mode)


def without_adobe_mark(pixels: np.ndarray) -> bytes:
    """A CMYK JPEG whose values are not inverted, as they are not where Adobe's mark is missing."""
    inverted = Image.merge("CMYK", [band.point(lambda v: 255 - v) for band in image(pixels, "CMYK").split()])
    content = encoded(inverted, "JPEG", quality=95)
    start = content.index(b"\xff\xee")
    return content[:start] + content[start + 2 + int.from_bytes(content[start + 2 : start + 4], "big") :]


CONVERTED = {
    "PNG": (encoded(PICTURE, "PNG"), PICTURE, 0),
    "BMP": (encoded(PICTURE, "BMP"), PICTURE, 0),
    "TIFF": (encoded(PICTURE, "TIFF"), PICTURE, 0),
    "TIFF, PackBits": (encoded(PICTURE, "TIFF", compression="packbits"), PICTURE, 0),
    "TIFF, LZW in tiles": (tiff(PICTURE, photometric="rgb", compression="lzw", tile=(16, 16)), PICTURE, 0),
    "TIFF, channels apart": (
        tiff(np.ascontiguousarray(PICTURE.transpose(2, 0, 1)), photometric="rgb", planarconfig="separate"),
        PICTURE,
        0,
    ),
    "TIFF, JPEG inside": (encoded(PICTURE, "TIFF", compression="jpeg"), PICTURE, 12),
    "JPEG": (encoded(PICTURE, "JPEG", quality=95, subsampling=0), PICTURE, 6),
    "JPEG, progressive": (encoded(PICTURE, "JPEG", quality=95, subsampling=0, progressive=True), PICTURE, 6),
    "WebP": (encoded(PICTURE, "WEBP", lossless=True), PICTURE, 0),
    "JPEG 2000": (encoded(PICTURE, "JPEG2000"), PICTURE, 0),
    "grey JPEG": (encoded(GREY, "JPEG", quality=98), grey(GREY), 4),
    "grey PNG": (encoded(GREY, "PNG"), grey(GREY), 0),
    "grey TIFF, white is 0": (tiff(GREY, photometric="miniswhite"), grey(255 - GREY), 0),
    "1 bit": (encoded(image(PICTURE, "1"), "PNG"), np.asarray(image(PICTURE, "1").convert("RGB")), 0),
    "1-bit TIFF": (
        encoded(image(PICTURE, "1"), "TIFF", compression="group4"),
        np.asarray(image(PICTURE, "1").convert("RGB")),
        0,
    ),
    "palette": (
        encoded(image(PICTURE, "P"), "PNG"),
        np.asarray(image(PICTURE, "P").convert("RGB")),
        0,
    ),
    "GIF of one picture": (
        encoded(image(PICTURE, "P"), "GIF"),
        np.asarray(image(PICTURE, "P").convert("RGB")),
        0,
    ),
    "palette, transparent": (
        encoded(image(PICTURE, "P"), "PNG", transparency=bytes(256)),
        np.full_like(PICTURE, 255),
        0,
    ),
    "RGBA PNG": (encoded(np.dstack([PICTURE, HALF]), "PNG"), ON_WHITE, 2),
    "RGBA TIFF": (encoded(np.dstack([PICTURE, HALF]), "TIFF"), ON_WHITE, 2),
    "RGBA TIFF, multiplied": (
        tiff(np.dstack([PICTURE // 2, HALF]), photometric="rgb", extrasamples=["assocalpha"]),
        ON_WHITE,
        3,
    ),
    "RGB TIFF with a channel that is not alpha": (
        tiff(np.dstack([PICTURE, HALF]), photometric="rgb", extrasamples=["unspecified"]),
        PICTURE,
        0,
    ),
    "RGBA WebP": (encoded(np.dstack([PICTURE, HALF]), "WEBP", lossless=True), ON_WHITE, 2),
    "grey with alpha": (encoded(np.dstack([GREY, HALF]), "PNG"), (grey(GREY) + 255.0) / 2, 2),
    "one transparent colour": (
        encoded(PICTURE, "PNG", transparency=tuple(map(int, PICTURE[3, 5]))),
        np.where((PICTURE[3, 5] == PICTURE).all(-1, keepdims=True), 255, PICTURE),
        0,
    ),
    "one transparent grey": (
        encoded(GREY, "PNG", transparency=int(GREY[3, 5])),
        grey(np.where(GREY[3, 5] == GREY, 255, GREY)),
        0,
    ),
    "CMYK JPEG of Adobe": (encoded(image(PICTURE, "CMYK"), "JPEG", quality=95), PICTURE, 12),
    "CMYK JPEG without Adobe's mark": (without_adobe_mark(PICTURE), PICTURE, 12),
    "CMYK TIFF": (encoded(image(PICTURE, "CMYK"), "TIFF"), PICTURE, 0),
    "16-bit CMYK TIFF": (tiff(deep(np.asarray(image(PICTURE, "CMYK"))), photometric="separated"), PICTURE, 0),
    "16-bit grey PNG": (imagecodecs.png_encode(deep(GREY)), grey(GREY), 0),
    "16-bit grey TIFF": (tiff(deep(GREY), photometric="minisblack"), grey(GREY), 0),
    "16-bit grey TIFF, big-endian": (tiff(deep(GREY), photometric="minisblack", byteorder=">"), grey(GREY), 0),
    "16-bit grey TIFF, white is 0": (tiff(deep(GREY), photometric="miniswhite"), grey(255 - GREY), 0),
    "12-bit grey TIFF": (tiff(deep(GREY) >> 4, photometric="minisblack", bitspersample=12), grey(GREY), 0),
    "16-bit RGB PNG": (imagecodecs.png_encode(deep(PICTURE)), PICTURE, 0),
    "16-bit RGBA PNG": (imagecodecs.png_encode(deep(np.dstack([PICTURE, HALF]))), ON_WHITE, 2),
    "16-bit RGB TIFF": (tiff(deep(PICTURE), photometric="rgb"), PICTURE, 0),
    "16-bit RGB TIFF, LZW": (tiff(deep(PICTURE), photometric="rgb", compression="lzw", predictor=True), PICTURE, 0),
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_every_kind_becomes_8_bit_rgb(kind: str, tmp_path: Path) -> None:
    content, expected, tolerance = CONVERTED[kind]
    path = write(tmp_path / "x.dat", content)
    found = read_rgb(path)
    assert found.mode == "RGB"
    assert np.abs(np.asarray(found).astype(float) - expected).max() <= tolerance
    assert image_size(path) == found.size


REFUSED = {
    "float grey TIFF": (tiff(GREY.astype(np.float32)), "floating-point"),
    "double grey TIFF": (tiff(GREY.astype(np.float64)), "64-bit floating-point"),
    "float RGB TIFF": (tiff(PICTURE.astype(np.float32), photometric="rgb"), "32-bit floating-point"),
    "signed TIFF": (tiff((GREY // 2).view(np.int8)), "signed"),
    "32-bit TIFF": (tiff(GREY.astype(np.uint32)), "32 bits"),
    "LAB TIFF": (tiff(PICTURE, photometric="cielab"), "LAB"),
    "two channels": (tiff(np.ascontiguousarray(PICTURE[..., :2]), planarconfig="contig"), "2 channels"),
    "16-bit channels apart": (
        tiff(deep(PICTURE).transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate"),
        "each 16-bit channel apart",
    ),
    "12 bits kept in 16, grey": (tiff(deep(GREY) >> 4, photometric="minisblack"), "almost black: of 16 bits"),
    "12 bits kept in 16, RGB": (imagecodecs.png_encode(deep(PICTURE) >> 4), "almost black: of 16 bits"),
    "TIFF with JPEG 2000 inside": (tiff(PICTURE, photometric="rgb", compression="jpeg2000"), "compression 34712"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_values_without_a_certain_meaning_are_refused(kind: str, tmp_path: Path) -> None:
    content, reason = REFUSED[kind]
    with pytest.raises(BadImage, match=reason) as caught:
        read_rgb(write(tmp_path / "x.tif", content))
    assert str(tmp_path) not in str(caught.value)
