"""From whatever colours and depths an image file holds to 8-bit RGB, or the reason why not."""

import struct
from typing import IO, Any

import numpy as np
from PIL import Image, ImageChops, TiffImagePlugin
from PIL.ImageFile import ImageFile

from clipit.sources.image_source import BadImage

_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N")
_READ = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", *_DEEP_GREY}
_REFUSED = {"F": "floating-point values", "I": "integers that are signed or of 32 bits", "LAB": "LAB colours"}

_DAMAGED = "not a readable image (a TIFF that is damaged or cut short)"

# Below this brightness (of 255) the upper four bits of every value are unused: 12 bits, say, kept in 16.
_DARK = 16


def check_kind(image: ImageFile) -> None:
    """Refuses, from the header alone, values that have no certain meaning as 8-bit colours.

    Raises:
        BadImage: floating-point or signed values, other colour spaces, unnamed channels.
    """
    if image.mode not in _READ:
        raise BadImage(f"holds {_REFUSED.get(image.mode, f'{image.mode} values')}: save it as 8-bit RGB")
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return
    tags = image.tag_v2
    if any(kind != 1 for kind in tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))):
        raise BadImage("holds signed or floating-point values: save it as 8-bit RGB")
    channels = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
    if channels > 1 and len(image.getbands()) == 1:
        raise BadImage(f"holds {channels} channels that are not RGB: save it as 8-bit RGB")
    if channel_bits(image) > 8 and tags.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1) == 2:
        # Pillow mixes up the bytes of such files where they are not compressed.
        raise BadImage("holds each 16-bit channel apart: save it as 8-bit RGB")


def channel_bits(image: ImageFile) -> int:
    """Bits of a channel in the file; to be asked before the pixels are loaded."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    return 16 if image.mode in _DEEP_GREY or any("16" in str(part.args) for part in image.tile) else 8


def as_rgb(image: ImageFile, bits: int) -> Image.Image:
    """An image that passed `check_kind`, as RGB; itself where it is that already.

    `bits` is `channel_bits` of it. Values of more than 8 bits keep their upper 8; transparent pixels lie on white.

    Raises:
        BadImage: the upper 4 of more than 8 bits are unused, so that the picture would come out black.
    """
    picture: Image.Image = image
    if image.mode in _DEEP_GREY:
        picture = _grey(image, bits)
    if bits > 8 and picture.mode != "CMYK" and _brightest(picture) < _DARK:
        raise BadImage(f"is almost black: of {bits} bits the upper ones are unused; stretch its values to all of them")
    if picture.mode == "CMYK":
        # Pillow takes every CMYK JPEG for inverted, as Adobe writes them; without Adobe's mark they are not.
        plain = image.format in ("JPEG", "MPO") and "adobe" not in image.info
        return (ImageChops.invert(picture) if plain else picture).convert("RGB")
    if picture.has_transparency_data:
        opaque = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(opaque, mask=opaque)
        return white
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _grey(image: ImageFile, bits: int) -> Image.Image:
    values = (np.asarray(image) >> (bits - 8)).astype(np.uint8)
    white_is_zero = isinstance(image, TiffImagePlugin.TiffImageFile) and not image.tag_v2.get(
        TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 1
    )
    return Image.fromarray(255 - values if white_is_zero else values)


def _brightest(image: Image.Image) -> int:
    bands: Any = image.getextrema()
    return max(high for _, high in bands[:3]) if isinstance(bands[0], tuple) else bands[1]


def tiff_kind(file: IO[bytes]) -> str | None:
    """Why a TIFF that Pillow does not know is refused, from its tags; None if it is no TIFF."""
    file.seek(0)
    head = file.read(16)
    if head[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(head if head[2:4] in (b"+\0", b"\0+") else head[:8])
        file.seek(tags.next)
        tags.load(file)
        if TiffImagePlugin.IMAGEWIDTH not in tags:
            return _DAMAGED
        bits = "/".join(str(number) for number in sorted(set(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))))
        channels = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)
        values = {1: "unsigned", 2: "signed", 3: "floating-point"}.get(
            max(tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))), "unknown"
        )
        packed = tags.get(TiffImagePlugin.COMPRESSION, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, EOFError, OSError, struct.error):
        return _DAMAGED
    kind = f"{channels} x {bits}-bit {values} values, compression {packed}"
    return f"a kind of TIFF that is not read ({kind}): save it as 8-bit RGB"
