"""Images with captions, and mistakes in their table."""

from pathlib import Path

import pytest
from PIL import Image

from clipit.runtime.errors import UserError
from clipit.sources.captioned import CaptionedImages


def images(folder: Path, table: str) -> CaptionedImages:
    (folder / "captions.csv").write_text(table)
    return CaptionedImages({"path": str(folder), "captions": str(folder / "captions.csv"), "size": 8})


def test_every_image_is_a_train_image_with_its_caption(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    source = images(tmp_path, 'image,caption\nb.png," stroma, pale "\n./a.png,tumour\n')
    items = source.items()
    assert [item.source for item in items] == ["a.png", "b.png"]
    assert source.captions(items[::-1]) == ["stroma, pale", "tumour"]
    assert source.splits(items) == ["train", "train"]
    assert source.labels(items).of == [None, None]
    assert [pixels.shape for pixels in source.pixels(items, 1)] == [(8, 8, 3)] * 2


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("image,caption\na.png,one\na.png,two\n", "line 3: image 'a.png' is in line 2 already: keep one"),
        ("image,caption\na.png,one\n./a.png,two\n", "line 3: image 'a.png' is in line 2 already"),
        ("image,caption\na.png,\n", "image 'a.png' has no caption: give it one"),
        ("image,caption\n", "holds no image: add a line"),
        ("image\na.png\n", "no column 'caption'"),
    ],
)
def test_mistakes_in_the_table(tmp_path: Path, table: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        images(tmp_path, table)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere does not exist"):
        CaptionedImages({"path": str(tmp_path / "nowhere"), "captions": "x.csv", "size": 8})
