"""The short way for TIFF files, as NCT-CRC comes in: 8-bit RGB that has a patch's size already."""

import struct

import imagecodecs
import numpy as np

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _OFFSETS, _ORIENTATION = 256, 257, 258, 259, 262, 273, 274
_SAMPLES, _COUNTS, _PLANAR, _FORMAT = 277, 279, 284, 339
_HARMLESS = {254, 269, 270, 271, 272, 278, 282, 283, 296, 297, 305, 306, 315, 317, 700, 33432, 34675}
_NONE, _LZW, _DEFLATE, _PACKBITS = 1, 5, 8, 32773
_FORMATS = {3: "H", 4: "I"}  # the types that the wanted tags have


def plain_tiff(content: bytes, size: int) -> np.ndarray | None:
    """The pixels of a TIFF with one 8-bit RGB picture of `size` x `size` pixels, uint8 (size, size, 3).

    None for any other file, and for one that is damaged or holds anything out of the ordinary: Pillow reads those. The
    pixels are Pillow's, several times faster.
    """
    tags = _tags(content)
    if tags is None or not _is_plain(tags, size, len(content)):
        return None
    try:
        pixels: np.ndarray = imagecodecs.tiff_decode(content)
    except Exception:  # it raises anything on a damaged file; Pillow tells what is wrong
        return None
    return pixels if pixels.shape == (size, size, 3) and pixels.dtype == np.uint8 else None


def _tags(content: bytes) -> dict[int, tuple[int, ...]] | None:
    """The integers of the only directory of a file; None if it is no such TIFF, or has tags that nobody expects."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[:4])
    if order is None:
        return None
    tags: dict[int, tuple[int, ...]] = {}
    try:
        (start,) = struct.unpack_from(order + "I", content, 4)
        (entries,) = struct.unpack_from(order + "H", content, start)
        if struct.unpack_from(order + "I", content, start + 2 + 12 * entries) != (0,):
            return None
        for at in range(start + 2, start + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(order + "HHI", content, at)
            if tag in _HARMLESS:
                continue
            if kind not in _FORMATS or not 0 < count < 65_536:
                return None
            form = f"{order}{count}{_FORMATS[kind]}"
            place = at + 8 if struct.calcsize(form) <= 4 else struct.unpack_from(order + "I", content, at + 8)[0]
            tags[tag] = struct.unpack_from(form, content, place)
    except struct.error:
        return None
    return tags


def _is_plain(tags: dict[int, tuple[int, ...]], size: int, length: int) -> bool:
    """Whether the directory tells of a whole picture of the wanted kind, its pixels within the file's `length`."""
    wanted = {_WIDTH: (size,), _HEIGHT: (size,), _BITS: (8, 8, 8), _PHOTOMETRIC: (2,), _SAMPLES: (3,)}
    usual = {_ORIENTATION: (1,), _PLANAR: (1,), _FORMAT: (1, 1, 1)}
    if any(tags.get(tag) != value for tag, value in wanted.items()):
        return False
    if any(tags.get(tag, value) != value for tag, value in usual.items()):
        return False
    offsets, counts = tags.get(_OFFSETS, ()), tags.get(_COUNTS, ())
    compression = tags.get(_COMPRESSION, (_NONE,))[0]
    known = {*wanted, *usual, _OFFSETS, _COUNTS, _COMPRESSION}
    return (
        tags.keys() <= known
        and compression in (_NONE, _LZW, _DEFLATE, _PACKBITS)
        and 0 < len(offsets) == len(counts)
        and all(count and offset + count <= length for offset, count in zip(offsets, counts, strict=True))
        and (compression != _NONE or sum(counts) == size * size * 3)
    )
