"""CSVs that list files, and the mistakes in them."""

from pathlib import Path

import pytest

from clipit.runtime.errors import UserError
from clipit.sources.listing import check_classes, read_listing


def listing(path: Path, text: str) -> list[dict[str, str]]:
    path.write_text(text, encoding="utf-8-sig")
    return read_listing(path, ("path", "split"), ("label", "group"))


def test_rows_are_sorted_stripped_and_filled(tmp_path: Path) -> None:
    rows = listing(tmp_path / "a.csv", "split,path,note,label\ntest , b.svs,x, tumour\ntrain,a.svs,,\n")
    assert rows == [
        {"path": "a.svs", "split": "train", "label": "", "group": ""},
        {"path": "b.svs", "split": "test", "label": "tumour", "group": ""},
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,label\n", "has no column 'split': it needs path, split"),
        ("", "has no column 'path'"),
        ("path,split\na.svs,training\n", "line 2: split 'training' is not train, val or test"),
        ("path,split\na.svs,train\n\na.svs,test\n", "line 4: path 'a.svs' is in line 2 already: keep one"),
        ("path,split\na.svs,train\n./a.svs,test\n", "line 3: path 'a.svs' is in line 2 already"),
        ("path,split\nb//a.svs,train\nb/./a.svs,test\n", "line 3: path 'b/a.svs' is in line 2 already"),
        ("path,split\n,train\n", "line 2: path is empty"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        listing(tmp_path / "a.csv", text)


def test_names_are_plain(tmp_path: Path) -> None:
    rows = listing(tmp_path / "a.csv", "path,split\n./b.svs,train\nsub//a.svs,train\na/b.svs,test\n")
    assert [row["path"] for row in rows] == ["a/b.svs", "b.svs", "sub/a.svs"]


def test_another_column_may_name_the_files_and_splits_be_absent(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("caption,image\nx,./b.png\ny,a.png\n")
    rows = read_listing(tmp_path / "a.csv", ("image", "caption"))
    assert rows == [{"image": "a.png", "caption": "y"}, {"image": "b.png", "caption": "x"}]
    (tmp_path / "a.csv").write_text("image\n")
    with pytest.raises(UserError, match=r"has no column 'caption': it needs image, caption$"):
        read_listing(tmp_path / "a.csv", ("image", "caption"))


def test_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("path,split\nµ.svs,train\n".encode("utf-16"))
    with pytest.raises(UserError, match="not a CSV in UTF-8"):
        read_listing(tmp_path / "a.csv", ("path", "split"), ())


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ([("train", "a"), ("train", "b"), ("test", "a")], "class 'b' has no slide in split 'test'"),
        ([("train", "a"), ("test", "a"), ("test", "b")], "class 'b' has no slide in split 'train'"),
        ([("test", "a")], "no labelled train slide"),
        ([("train", "Tumor"), ("test", "tumor")], "'tumor' .* in split 'train' .it has 'Tumor': spell them alike"),
        (
            [
                ("test", "a"),
                ("test", "in_situ"),
                ("train", "a"),
                ("train", "in situ"),
                ("val", "a"),
                ("val", "in_situ"),
            ],
            "'in situ' .* in split 'test' .it has 'in_situ'",
        ),
    ],
)
def test_classes_that_only_some_splits_have_are_refused(listed: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(UserError, match=words):
        check_classes(Path("cohort"), listed, "slide")


def test_classes_of_like_names_are_not_taken_for_each_other() -> None:
    listed = [(split, label) for split in ("train", "test") for label in ("normal", "abnormal")]
    check_classes("cohort", listed, "slide")
    with pytest.raises(UserError, match=r"class 'abnormal' has no slide in split 'test': add one") as told:
        check_classes("cohort", listed[:3], "slide")
    assert "spell" not in str(told.value)


def test_splits_that_must_be_there_are() -> None:
    with pytest.raises(UserError, match="cohort has no labelled val slide: name the val folder"):
        check_classes("cohort", [("train", "a"), ("test", "a")], "slide", ("train", "val", "test"))
