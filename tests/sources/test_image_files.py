"""Image files: found, opened whatever their suffix, turned upright, resized; damaged and odd ones told apart."""

import io
import random
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.sources.pictures import encoded, gradient, noise, tiff, write

from clipit.sources import image_files as module
from clipit.sources.image_files import image_files, image_size, read_rgb, to_patch, to_square, to_tile
from clipit.sources.image_source import BadImage

PICTURE = gradient()


def reason(path: Path) -> str:
    with pytest.raises(BadImage) as caught:
        read_rgb(path)
    assert str(path.parent) not in str(caught.value)
    return str(caught.value)


def test_files_are_found_in_depth_sorted_without_hidden_ones_and_folders(tmp_path: Path) -> None:
    for name in ("b/1.PNG", "a.jpg", "b/0.tiff", ".hidden.jpg", ".cache/2.jpg", "b/._1.PNG", "notes.txt"):
        write(tmp_path / name, b"x")
    (tmp_path / "folder.png").mkdir()
    assert [path.relative_to(tmp_path).as_posix() for path in image_files(tmp_path)] == ["a.jpg", "b/0.tiff", "b/1.PNG"]


def test_a_suffix_that_lies_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "really_a_png.jpg", encoded(PICTURE, "PNG"))
    assert np.array_equal(np.asarray(read_rgb(path)), PICTURE)


def cut(content: bytes, n: int) -> bytes:
    return content[:-n]


JPEG, PNG = encoded(noise(60, 50), "JPEG"), encoded(noise(60, 50), "PNG")
DAMAGED = {
    "missing": (None, "file not found"),
    "empty": (b"", "the file is empty"),
    "text": (b"not an image", "none of the kinds"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "none of the kinds"),
    "JPEG cut": (cut(JPEG, 200), "cut short"),
    "JPEG cut by two bytes": (cut(JPEG, 2), "cut short"),
    "JPEG with a tail of zeros": (cut(JPEG, 1000) + bytes(1000), "cut short"),
    "PNG cut": (cut(PNG, 200), "not a readable image"),
    "PNG with a flipped byte": (PNG[:2000] + bytes([PNG[2000] ^ 255]) + PNG[2001:], "not a readable image"),
    "TIFF cut": (cut(encoded(PICTURE, "TIFF"), 100), "not a readable image"),
    "packed TIFF cut": (cut(encoded(PICTURE, "TIFF", compression="packbits"), 300), "damaged or cut short"),
    "GIF cut": (cut(encoded(PICTURE, "GIF"), 100), "not a readable image"),
    "BMP cut": (cut(encoded(PICTURE, "BMP"), 1), "not a readable image"),
    "WebP cut": (cut(encoded(PICTURE, "WEBP"), 1), "not a readable image"),
    "JPEG 2000 cut": (cut(encoded(noise(60, 50), "JPEG2000"), 200), "not a readable image"),
    "TIFF header alone": (b"II*\0" + b"\xff" * 40, "damaged or cut short"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_gives_a_reason_without_a_path(kind: str, tmp_path: Path) -> None:
    content, expected = DAMAGED[kind]
    path = tmp_path / "x.png"
    if content is not None:
        write(path, content)
    assert expected in reason(path)


def test_a_folder_gives_a_reason(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    assert "directory" in reason(tmp_path / "folder.png")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_damage_gives_an_image_or_a_reason(tmp_path: Path) -> None:
    kinds = [encoded(noise(40, 30), kind) for kind in ("JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP", "JPEG2000")]
    kinds += [tiff(noise(40, 30), photometric="rgb", compression="lzw", tile=(16, 16))]
    draw = random.Random(0)
    for _ in range(300):
        content = bytearray(draw.choice(kinds))
        for _ in range(draw.choice((1, 5, 30))):
            content[draw.randrange(min(len(content), draw.choice((64, len(content)))))] = draw.randrange(256)
        path = write(tmp_path / "x", bytes(content[: draw.randrange(1, len(content) + 1)]))
        for read in (image_size, read_rgb):
            try:
                read(path)
            except BadImage as refused:
                assert str(refused)  # noqa: PT017


def test_trailing_bytes_after_a_jpeg_are_no_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jpg", JPEG + b"a camera's own \xff\xda notes" * 10)
    assert read_rgb(path).size == (60, 50)


def test_exif_that_cannot_be_read_is_no_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jpg", encoded(PICTURE, "JPEG", exif=b"Exif\0\0nonsense"))
    assert read_rgb(path).size == image_size(path) == (48, 32)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(10))
def test_images_are_turned_upright(kind: str, orientation: int, tmp_path: Path) -> None:
    dark = np.zeros((20, 40, 3), np.uint8)
    dark[:10, :20] = 255  # the upper left quarter is bright
    exif = Image.Exif()
    exif[0x112] = orientation
    path = write(tmp_path / "x", encoded(dark, kind, exif=exif))
    found = np.asarray(read_rgb(path))[..., 0] > 128
    corners = {(y, x): found[y, x] for y in (3, -4) for x in (3, -4)}
    bright = {2: (3, -4), 3: (-4, -4), 4: (-4, 3), 6: (3, -4), 7: (-4, -4), 8: (-4, 3)}.get(orientation, (3, 3))
    assert [corner for corner, lit in corners.items() if lit] == [bright]
    assert found.shape == ((40, 20) if 5 <= orientation <= 8 else (20, 40))
    assert image_size(path) == found.shape[::-1]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_pictures_in_a_file_are_refused(kind: str, tmp_path: Path) -> None:
    others = [Image.fromarray(PICTURE[::-1]), Image.fromarray(PICTURE[:, ::-1])]
    path = write(tmp_path / "x", encoded(PICTURE, kind, save_all=True, append_images=others))
    assert "holds 3 pictures" in reason(path)
    with pytest.raises(BadImage, match="holds 3 pictures"):
        image_size(path)


def test_the_first_picture_of_a_cameras_mpo_is_the_photograph(tmp_path: Path) -> None:
    black = Image.new("RGB", (48, 32))
    path = write(tmp_path / "x.jpg", encoded(PICTURE, "MPO", quality=95, save_all=True, append_images=[black]))
    assert np.abs(np.asarray(read_rgb(path)).astype(int) - PICTURE).max() < 30


def pages(sizes: list[tuple[int, int]], *, reduced: bool = False, inside: bool = False) -> bytes:
    """A tiled TIFF with a page of each size; `inside`: all but the first are sub-pages of it."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for number, size in enumerate(sizes):
            writer.write(
                noise(*size),
                photometric="rgb",
                tile=(64, 64),
                subifds=len(sizes) - 1 if inside and not number else None,
                subfiletype=1 if number and reduced else 0,
            )
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pages([(800, 600), (400, 300), (200, 150)]),
        pages([(800, 600), (400, 300), (200, 150)], reduced=True),
        pages([(800, 600), (400, 300)], reduced=True, inside=True),
    ],
)
def test_a_pyramid_is_told_to_be_a_slide(content: bytes, tmp_path: Path) -> None:
    assert "use source: slides" in reason(write(tmp_path / "x.tif", content))


def test_a_thumbnail_beside_a_picture_is_left_aside(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tif", pages([(300, 200), (120, 80)], reduced=True))
    assert read_rgb(path).size == (300, 200)


def test_a_bomb_is_refused_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.png", encoded(Image.new("1", (15_000, 15_000)), "PNG"))
    assert "more than 64 million pixels" in reason(path)
    monkeypatch.setattr(module, "MAX_PIXELS", 48 * 32)
    assert read_rgb(write(tmp_path / "y.png", encoded(PICTURE, "PNG"))).size == (48, 32)
    assert "49 x 32 px" in reason(write(tmp_path / "z.png", encoded(gradient(49, 32), "PNG")))


def test_bach_and_twenty_megapixels_are_within_the_bound() -> None:
    assert max(2048 * 1536, 5472 * 3648) < module.MAX_PIXELS


def whole_then_crop(image: Image.Image, size: int) -> np.ndarray:
    """The plain way: resize all of it, crop the centre."""
    width, height = (max(size, round(side * size / min(image.size))) for side in image.size)
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return np.asarray(resized.crop((left, top, left + size, top + size)))


@pytest.mark.parametrize("extent", [(96, 64), (64, 96), (99, 67), (32, 41), (20, 200), (33, 33), (32, 32)])
def test_the_shorter_side_is_resized_and_the_centre_cropped(extent: tuple[int, int]) -> None:
    # Enlarging noise overshoots and is clipped between two passes, whose order may differ: hence smooth colours there.
    image = Image.fromarray(noise(*extent) if min(extent) >= 32 else gradient(*extent))
    found, expected = to_square(image, 32), whole_then_crop(image, 32)
    assert found.shape == (32, 32, 3)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_tile_is_cut_out_and_resized() -> None:
    image = Image.fromarray(PICTURE)
    assert np.array_equal(to_tile(image, 10, 5, 16, 16), PICTURE[5:21, 10:26])
    halved = PICTURE[4:20, 8:24].astype(float).reshape(8, 2, 8, 2, 3).mean((1, 3))
    assert np.abs(to_tile(image, 8, 4, 16, 8) - halved).max() <= 3
    with pytest.raises(BadImage, match="48 x 32 px, too small for a tile of 16 px"):
        to_tile(image, 33, 0, 16, 16)


def test_an_image_much_smaller_than_a_patch_is_refused() -> None:
    with pytest.raises(BadImage, match="1 x 1 px, too small for a patch of 224 px: the shorter side must have 56"):
        to_patch(Image.new("RGB", (1, 1)), 224)
    with pytest.raises(BadImage, match="300 x 55 px"):
        to_patch(Image.new("RGB", (300, 55)), 224)
    assert to_patch(Image.new("RGB", (56, 56)), 224).shape == (224, 224, 3)
