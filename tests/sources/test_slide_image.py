"""Slides of every kind open as pyramids whose pixels lie where they should."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import tiffslide
from tests.slides_factory import places, position_coded, pyramid, tissue, write_large_slide, write_slide

from clipit.sources import slide_image, slide_tiff
from clipit.sources.image_source import BadImage
from clipit.sources.slide_image import Slide, open_slide
from clipit.sources.slide_openslide import open_with_openslide

COLOURS = [(200, 40, 90), (90, 200, 40), (40, 90, 200)]


def plain_levels(*sides: int) -> list[np.ndarray]:
    """Levels of one colour each, which tells the level."""
    return [np.full((side, side, 3), colour, np.uint8) for side, colour in zip(sides, COLOURS, strict=False)]


def opened(path: Path) -> Slide:
    slide = open_slide(path)
    slide.close()
    return slide


@pytest.mark.parametrize("kind", ["tiff", "svs", "ome"])
def test_every_kind_tells_its_levels_and_resolution_and_gives_its_pixels(tmp_path: Path, kind: str) -> None:
    levels = pyramid(tissue(512), (1, 2, 4))
    slide = open_slide(write_slide(tmp_path / ("a.svs" if kind == "svs" else "a.tif"), levels, mpp=0.25, kind=kind))
    assert slide.levels == ((512, 512), (256, 256), (128, 128))
    assert slide.downsamples == [1, 2, 4]
    assert slide.mpp == pytest.approx(0.25)
    assert slide.origin == (0, 0)
    for number, level in enumerate(levels):
        assert np.array_equal(slide.read(number, 30, 60, 90, 50), level[60:110, 30:120])


def test_regions_are_exact_across_tiles_and_white_outside(tmp_path: Path) -> None:
    slide = open_slide(write_slide(tmp_path / "a.tif", [position_coded(700, 600)], tile=128))
    for x, y in ((0, 0), (100, 50), (127, 129), (600, 500)):
        assert places(slide.read(0, x, y, 100, 100))[0, 0].tolist() == [x, y]
        assert places(slide.read(0, x, y, 100, 100))[-1, -1].tolist() == [x + 99, y + 99]
    corner = slide.read(0, -3, -2, 5, 5)
    assert (corner[:2] == 255).all() and (corner[:, :3] == 255).all()
    assert places(corner)[2, 3].tolist() == [0, 0]
    corner = slide.read(0, 697, 598, 5, 5)
    assert (corner[2:] == 255).all() and (corner[:, 3:] == 255).all()
    assert places(corner)[1, 2].tolist() == [699, 599]
    assert (slide.read(0, 5000, 5000, 4, 4) == 255).all()


@pytest.mark.parametrize(("width", "level"), [(16, 0), (62, 0), (63.5, 1), (64, 1), (250, 1), (256, 2), (2000, 2)])
def test_the_coarsest_level_that_is_fine_enough_is_read(tmp_path: Path, width: float, level: int) -> None:
    slide = opened(write_slide(tmp_path / "a.tif", plain_levels(1024, 256, 64)))
    assert slide.level_for(width / 16) == level


def test_a_tile_comes_from_that_level(tmp_path: Path) -> None:
    slide = open_slide(write_slide(tmp_path / "a.tif", plain_levels(1024, 256, 64)))
    for width, colour in zip((16, 64, 256), COLOURS, strict=True):
        assert (slide.square(256, 512, width, 16) == colour).all()


@pytest.mark.parametrize("coarse", [250, 251])
def test_sizes_of_levels_that_were_rounded_mean_whole_factors(tmp_path: Path, coarse: int) -> None:
    slide = opened(write_slide(tmp_path / "a.tif", plain_levels(1002, coarse)))
    assert slide.downsamples == [1, 4]


@pytest.mark.parametrize(("x", "y", "width"), [(0, 0, 448), (333, 401, 500), (1, 2, 64), (17, 5, 111)])
def test_a_resized_tile_shows_what_lies_there(tmp_path: Path, x: int, y: int, width: int) -> None:
    down, across = np.mgrid[:1024, :1024]
    ramp = np.stack([across / 4, down / 4, np.full_like(down, 99)], axis=2).astype(np.uint8)
    slide = open_slide(write_slide(tmp_path / "a.tif", pyramid(ramp)))
    found = slide.square(x, y, width, 64).astype(float)
    inside = slice(3, -3)  # a resized ramp bends at its ends
    centres = (np.arange(64) + 0.5) * width / 64
    assert found[32, inside, 0] == pytest.approx(((x + centres) / 4)[inside], abs=1.5)
    assert found[inside, 32, 1] == pytest.approx(((y + centres) / 4)[inside], abs=1.5)


def test_jpeg_tiles_are_those_of_tiffslide(tmp_path: Path) -> None:
    path = write_large_slide(tmp_path / "a.tif", 700)
    slide = open_slide(path)
    with tiffslide.TiffSlide(path) as other:
        for x, y in ((0, 0), (200, 130), (476, 476)):
            expected = other.read_region((x, y), 0, (224, 224), as_array=True)
            assert np.array_equal(slide.square(x, y, 224, 224), expected)


def test_every_piece_of_a_file_is_decoded_once_for_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slide = open_slide(write_slide(tmp_path / "a.tif", [position_coded(1024, 1024)], tile=128))
    decoded: list[int] = []
    decode = slide_tiff._Level.decode
    monkeypatch.setattr(slide_tiff._Level, "decode", lambda self, *key: decoded.append(key[1]) or decode(self, *key))
    for y in range(0, 1024 - 96 + 1, 48):
        for x in range(0, 1024 - 96 + 1, 48):
            slide.square(x, y, 96, 96)
    assert sorted(decoded) == list(range(64))


def test_openslide_gives_the_same_pixels(tmp_path: Path) -> None:
    levels = pyramid(tissue(512), (1, 2))
    path = write_slide(tmp_path / "a.tif", levels, mpp=0.25)
    slide = open_with_openslide(path)
    assert slide.levels == ((512, 512), (256, 256))
    assert slide.mpp == pytest.approx(0.25)
    assert np.array_equal(slide.read(0, 100, 70, 60, 50), levels[0][70:120, 100:160])
    assert np.array_equal(slide.read(1, 100, 70, 60, 50), levels[1][70:120, 100:160])
    assert (slide.read(0, 500, 500, 40, 40)[12:, 12:] == 255).all()
    renamed = path.rename(tmp_path / "a.ndpi")
    assert np.array_equal(open_slide(renamed).read(0, 3, 4, 5, 6), levels[0][4:10, 3:8])


@pytest.mark.parametrize("content", [b"", b"not a slide", None])
@pytest.mark.parametrize("suffix", [".svs", ".mrxs"])
def test_what_cannot_be_opened_gives_a_reason_without_a_path(
    tmp_path: Path, content: bytes | None, suffix: str
) -> None:
    path = tmp_path / f"bad{suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadImage) as caught:
        open_slide(path)
    assert str(tmp_path) not in str(caught.value)
    assert ("file not found" if content is None else "can open") in str(caught.value)


@pytest.mark.parametrize("opening", [open_slide, open_with_openslide])
def test_a_damaged_tile_spoils_only_what_lies_on_it(tmp_path: Path, opening: Callable[[Path], Slide]) -> None:
    path = write_slide(tmp_path / "a.tif", [position_coded(512, 512)], tile=128)
    with tifffile.TiffFile(path) as file:
        offset, length = file.pages[0].dataoffsets[5], file.pages[0].databytecounts[5]
    content = bytearray(path.read_bytes())
    content[offset : offset + length] = b"\x55" * length
    path.write_bytes(content)
    slide = opening(path)
    for _ in range(2):
        with pytest.raises(BadImage, match="part of the slide cannot be decoded"):
            slide.square(128, 128, 64, 64)
        assert places(slide.square(256, 0, 128, 128))[0, 0].tolist() == [256, 0]


def test_a_tile_that_a_file_leaves_out_is_white(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tif"
    tiles = [np.full((128, 128, 3), 7, np.uint8), None, None, np.full((128, 128, 3), 9, np.uint8)]
    tifffile.imwrite(path, iter(tiles), shape=(256, 256, 3), dtype=np.uint8, tile=(128, 128), photometric="rgb")
    pixels = open_slide(path).read(0, 0, 0, 256, 256)
    assert pixels[0, 0].tolist() == [7] * 3
    assert (pixels[:128, 128:] == 255).all()
    assert pixels[255, 255].tolist() == [9] * 3


@pytest.mark.parametrize("pixels", [np.zeros((64, 64, 3), np.uint16), np.zeros((4, 64, 64), np.uint8)])
def test_what_is_not_8_bit_rgb_is_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack")
    with pytest.raises(BadImage, match=r"no TIFF of 8-bit RGB|can open"):
        open_slide(path)


def test_strips_are_read_as_tiles_are(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, position_coded(300, 500), photometric="rgb", rowsperstrip=48, compression="zlib")
    region = open_slide(path).read(0, 100, 30, 250, 480)
    assert places(region)[0, 0].tolist() == [100, 30]
    assert places(region)[469, 199].tolist() == [299, 499]
    assert (region[470:] == 255).all() and (region[:, 200:] == 255).all()


def test_a_large_image_in_one_strip_is_refused_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, position_coded(512, 512), photometric="rgb", rowsperstrip=512)
    assert places(open_slide(path).read(0, 9, 8, 1, 1)).tolist() == [[[9, 8]]]
    monkeypatch.setattr(slide_tiff, "_LARGEST_PIECE", 500_000)
    with pytest.raises(BadImage, match="save it as a tiled pyramid"):
        open_slide(path)


@pytest.mark.parametrize(("dots", "unit"), [(72, "INCH"), (300, "INCH"), (1, "NONE")])
def test_a_printers_resolution_is_none(tmp_path: Path, dots: int, unit: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, tissue(256), tile=(128, 128), photometric="rgb", resolution=(dots, dots), resolutionunit=unit
    )
    assert opened(path).mpp is None


@pytest.mark.parametrize("factors", [(1,), (1, 4)])
def test_an_overview_is_the_mean_and_made_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factors: tuple[int, ...]
) -> None:
    pixels = tissue(512)
    slide = open_slide(write_slide(tmp_path / "a.tif", pyramid(pixels, factors)))
    whole = slide.overview(8)
    assert whole.shape == (64, 64, 3)
    assert np.abs(whole.astype(float) - pixels.reshape(64, 8, 64, 8, 3).mean(axis=(1, 3))).max() <= 2
    monkeypatch.setattr(slide_image, "_PIECE", 100)
    assert np.abs(slide.overview(8).astype(int) - whole).max() <= 1
    assert slide.overview(7.7).shape == (66, 66, 3)
