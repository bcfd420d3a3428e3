"""The short ways give Pillow's pixels, and leave every file that is not plain to the long way."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipit.sources.image_items import read_items
from clipit.sources.image_source import BadImage, Item
from clipit.sources.plain_jpeg import plain_jpeg
from clipit.sources.plain_tiff import plain_tiff

SIZE = 48


def picture(mode: str = "RGB", size: int = SIZE) -> Image.Image:
    """Synthetic noise over a gradient."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, size)[:, None, None] + rng.integers(0, 55, (size, size, 3))
    return Image.fromarray(ramp.astype(np.uint8)).convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def by_pillow(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.mark.parametrize(
    "options", [{}, {"quality": 30}, {"progressive": True}, {"subsampling": 0}, {"optimize": True, "quality": 95}]
)
def test_a_plain_jpeg_has_pillow_s_pixels(options: dict[str, Any]) -> None:
    content = saved(picture(), "JPEG", **options)
    assert np.array_equal(plain_jpeg(content, SIZE), by_pillow(content))


@pytest.mark.parametrize("compression", [None, "packbits", "tiff_lzw", "tiff_adobe_deflate"])
def test_a_plain_tiff_has_pillow_s_pixels(compression: str | None) -> None:
    content = saved(picture(), "TIFF", compression=compression)
    assert np.array_equal(plain_tiff(content, SIZE), by_pillow(content))


def turned() -> bytes:
    exif = Image.Exif()
    exif[274] = 6
    return saved(picture(), "JPEG", exif=exif)


@pytest.mark.parametrize(
    ("decode", "content"),
    [
        (plain_jpeg, saved(picture("L"), "JPEG")),
        (plain_jpeg, saved(picture("CMYK"), "JPEG")),
        (plain_jpeg, saved(picture(size=SIZE + 1), "JPEG")),
        (plain_jpeg, turned()),
        (plain_jpeg, saved(picture(), "JPEG")[:-40]),
        (plain_jpeg, saved(picture(), "JPEG")[:100] + b"\xff\xd9"),
        (plain_jpeg, saved(picture(), "PNG")),
        (plain_jpeg, b""),
        (plain_tiff, saved(picture("L"), "TIFF")),
        (plain_tiff, saved(picture("CMYK"), "TIFF")),
        (plain_tiff, saved(picture("RGBA"), "TIFF")),
        (plain_tiff, saved(picture("P"), "TIFF")),
        (plain_tiff, saved(picture(size=SIZE + 1), "TIFF")),
        (plain_tiff, saved(picture(), "TIFF", save_all=True, append_images=[picture()])),
        (plain_tiff, saved(picture(), "TIFF", tiffinfo={274: 3})),
        (plain_tiff, saved(picture(), "TIFF", compression="jpeg")),
        (plain_tiff, saved(picture(), "TIFF")[:-40]),
        (plain_tiff, saved(picture(), "TIFF")[:60]),
        (plain_tiff, b"II*\0"),
        (plain_tiff, b""),
    ],
)
def test_anything_else_is_left_to_pillow(decode: Callable[[bytes, int], Any], content: bytes) -> None:
    assert decode(content, SIZE) is None


@pytest.mark.parametrize(("name", "kind"), [("x.jpg", "JPEG"), ("x.tif", "TIFF"), ("packed.tiff", "TIFF")])
def test_no_cut_or_damaged_file_passes_for_a_whole_one(tmp_path: Path, name: str, kind: str) -> None:
    """Wherever a file is cut it is refused; what the short way gives of a damaged one, the long way gives too."""
    content = saved(picture(), kind, **({"compression": "packbits"} if name.startswith("packed") else {}))
    rng = np.random.default_rng(1)
    path = tmp_path / name

    def read(data: bytes) -> np.ndarray | BadImage:
        path.write_bytes(data)
        ((outcome,),) = read_items([Item(name, name)], lambda item: path, SIZE, 1, lambda _, patches: patches)
        return outcome

    assert np.array_equal(read(content), by_pillow(content))
    directory = int.from_bytes(content[4:8], "little") if kind == "TIFF" else len(content)
    for cut in rng.integers(0, len(content) - 2, 60):
        outcome = read(content[:cut])
        # A TIFF's directory may come before its pixels or after them; what follows both may go.
        assert isinstance(outcome, BadImage) or (kind == "TIFF" and cut > directory), cut
    for place in rng.integers(0, len(content), 200):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        outcome = read(bytes(damaged))
        if not isinstance(outcome, BadImage):
            path.rename(path.with_suffix(".bmp"))  # the long way: content decides, not the suffix
            bmp = path.with_suffix(".bmp")
            ((long,),) = read_items([Item(name, name)], lambda item, bmp=bmp: bmp, SIZE, 1, lambda _, patches: patches)
            assert isinstance(long, BadImage) or np.array_equal(outcome, long), place
