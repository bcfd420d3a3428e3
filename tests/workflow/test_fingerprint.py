import os

import pytest

from clipit.runtime.errors import UserError
from clipit.workflow.fingerprint import csv_columns_digest, fingerprint_files, fingerprint_listed


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    for name in ("train/a.png", "train/b.PNG", "val/c.png", "notes.txt", ".cache/d.png"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return folder


def test_moving_the_folder_changes_nothing(images, tmp_path):
    before = fingerprint_files(images, [".png"])
    moved = tmp_path / "elsewhere"
    images.rename(moved)
    assert fingerprint_files(moved, [".png"]) == before


def test_what_it_sees(images):
    before = fingerprint_files(images, [".png"])
    (images / "notes.txt").write_text("other words")
    (images / ".cache" / "d.png").write_text("hidden")
    assert fingerprint_files(images, [".png"]) == before
    assert fingerprint_files(images) != before

    (images / "train" / "a.png").write_text("longer than it was")
    resized = fingerprint_files(images, [".png"])
    status = (images / "val" / "c.png").stat()
    os.utime(images / "val" / "c.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    touched = fingerprint_files(images, [".png"])
    (images / "train" / "b.PNG").rename(images / "val" / "b.PNG")
    renamed = fingerprint_files(images, [".png"])
    assert len({before, resized, touched, renamed}) == 4


def test_linked_folders_are_seen_and_loops_end(images, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "e.png").write_text("e")
    without = fingerprint_files(images, [".png"])
    (images / "test").symlink_to(tmp_path / "elsewhere")
    before = fingerprint_files(images, [".png"])
    assert before != without
    (images / "back").symlink_to(images)
    assert fingerprint_files(images, [".png"]) == before
    (tmp_path / "elsewhere" / "e.png").write_text("edited")
    assert fingerprint_files(images, [".png"]) != before


def test_a_folder_that_is_linked_twice_counts_twice(images):
    before = fingerprint_files(images, [".png"])
    (images / "test").symlink_to(images / "val")
    assert fingerprint_files(images, [".png"]) != before


def test_one_file(images):
    before = fingerprint_files(images / "notes.txt")
    (images / "notes.txt").write_text("more words than before")
    assert fingerprint_files(images / "notes.txt") != before


def test_nothing_there_is_said(images, tmp_path):
    with pytest.raises(UserError, match="nowhere does not exist"):
        fingerprint_files(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"holds no \.svs or \.tif file"):
        fingerprint_files(images, [".tif", ".svs"])


def test_a_corrected_label_changes_the_label_columns_alone(tmp_path):
    file = tmp_path / "images.csv"
    file.write_text("path,label,group\na.png,tumour,p1\nb.png,normal,p2\n")
    pixels, labels = csv_columns_digest(file, ["path", "group"]), csv_columns_digest(file, ["path", "label"])
    file.write_text('group,path,label\np1,a.png,normal\n"p2",b.png,normal\n')
    assert csv_columns_digest(file, ["group", "path"]) == pixels
    assert csv_columns_digest(file, ["path", "label"]) != labels


def test_a_value_does_not_move_between_cells(tmp_path):
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("a,b\nx,yz\n")
    two.write_text("a,b\nxy,z\n")
    assert csv_columns_digest(one, ["a", "b"]) != csv_columns_digest(two, ["a", "b"])


def test_csv_mistakes_are_named(tmp_path):
    file = tmp_path / "images.csv"
    file.write_text("path,lable\na.png,1\n")
    with pytest.raises(UserError, match="no column 'label', did you mean 'lable'"):
        csv_columns_digest(file, ["label"])
    file.write_text("a.png,Pools of mucin in a patient called Doe\n")
    with pytest.raises(UserError, match="no column 'label': its first line") as caught:
        csv_columns_digest(file, ["label"])
    assert "Doe" not in str(caught.value)
    with pytest.raises(UserError, match="does not exist"):
        csv_columns_digest(tmp_path / "nowhere.csv", ["label"])
    file.write_bytes(b"path\n\xff\xfe\n")
    with pytest.raises(UserError, match="not UTF-8"):
        csv_columns_digest(file, ["path"])


def test_listed_files_are_watched_and_no_others(tmp_path):
    table = tmp_path / "images.csv"
    table.write_text('path,"group",label\na.png,p1,x\nb.png,p2,y\n')
    for name in ("a.png", "b.png", "other.png"):
        (tmp_path / name).write_bytes(b"1")

    def digest() -> str:
        return fingerprint_listed(table, "path", root=tmp_path, beside=["group"])

    before = digest()
    (tmp_path / "other.png").write_bytes(b"changed")
    table.write_text(table.read_text().replace("x", "z"))
    assert digest() == before
    (tmp_path / "b.png").write_bytes(b"changed")
    changed = digest()
    assert changed != before
    table.write_text(table.read_text().replace("p2", "p3"))
    assert digest() != changed


def test_listed_files_stay_under_their_root(tmp_path):
    table = tmp_path / "images.csv"
    table.write_text("path\n../x.png\n")
    with pytest.raises(UserError, match="leads out of"):
        fingerprint_listed(table, "path", root=tmp_path)
