"""The short way for the commonest image file: a JPEG that has a patch's size already."""

import imagecodecs
import numpy as np

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN = 0xDA
_FRAMES = (0xC0, 0xC1, 0xC2)  # sequential and progressive, 8 bits or 12
_OTHER_FRAMES = {*range(0xC3, 0xD0)} - {0xC4, 0xC8, 0xCC}
_APP1, _APP2, _APP14 = 0xE1, 0xE2, 0xEE  # EXIF (orientation), several pictures, Adobe (colour spaces)


def plain_jpeg(content: bytes, size: int) -> np.ndarray | None:
    """The pixels of an 8-bit colour JPEG of `size` x `size` pixels, uint8 (size, size, 3).

    None for any other file, and for one that is damaged, turned or coloured in a way that needs a closer look: Pillow
    reads those. The pixels are Pillow's (both decode by libjpeg-turbo), without its copies, and several threads decode
    at once.
    """
    if not content.startswith(_START) or not content.endswith(_END) or not _is_plain(content, size):
        return None
    try:
        pixels: np.ndarray = imagecodecs.jpeg8_decode(content)
    except Exception:  # it raises anything on a damaged file; Pillow tells what is wrong
        return None
    return pixels if pixels.shape == (size, size, 3) else None


def _is_plain(content: bytes, size: int) -> bool:
    """Whether the header tells of nothing but three 8-bit channels of `size` x `size` pixels."""
    wanted = b"\x08" + 2 * size.to_bytes(2, "big") + b"\x03" if size < 65_536 else b""
    at, fits = 2, False
    while content[at : at + 1] == b"\xff" and at + 4 < len(content):
        kind = content[at + 1]
        if kind == _SCAN:
            return fits
        if kind in _FRAMES:
            fits = content[at + 4 : at + 10] == wanted
        elif kind in _OTHER_FRAMES or kind in (_APP1, _APP2, _APP14):
            return False
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return False
