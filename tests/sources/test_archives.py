import gzip
import stat
import zipfile

import pytest

from clipit.runtime.errors import UserError
from clipit.sources import archives
from clipit.sources.archives import unpack


@pytest.fixture
def zipped(tmp_path):
    def make(members: dict[str, bytes], name: str = "images.zip") -> str:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        return tmp_path / name

    return make


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_zip_and_a_gz_lie_side_by_side(zipped, tmp_path):
    into = tmp_path / "data"
    unpack(zipped({"set/train/a.txt": b"a", "set/empty/": b"", "readme.txt": b"r"}), into)
    (tmp_path / "labels.h5.gz").write_bytes(gzip.compress(b"labels"))
    unpack(tmp_path / "labels.h5.gz", into)
    assert files(into) == ["labels.h5", "readme.txt", "set", "set/empty", "set/train", "set/train/a.txt"]
    assert (into / "labels.h5").read_bytes() == b"labels"
    assert (into / "set/train/a.txt").read_bytes() == b"a"


def test_unpacking_again_leaves_nothing_old_of_the_archive(zipped, tmp_path):
    into = tmp_path / "data"
    (into / "set").mkdir(parents=True)
    (into / "set" / "old.txt").write_text("old")
    (into / ".images.zip.unpacking").mkdir()
    (into / ".images.zip.unpacking" / "half.txt").write_text("from a killed job")
    unpack(zipped({"set/new.txt": b"new"}), into)
    assert files(into) == ["set", "set/new.txt"]


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../out.txt", "..\\out.txt", "C:/out.txt"])
def test_a_path_outside_is_refused(zipped, tmp_path, name):
    archive = zipped({"fine.txt": b"f", name: b"evil"})
    with pytest.raises(UserError, match="a path outside its target"):
        unpack(archive, tmp_path / "data")
    assert files(tmp_path / "data") == []
    assert not (tmp_path / "out.txt").exists()


def test_a_link_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match="a link or a device"):
        unpack(tmp_path / "links.zip", tmp_path / "data")


def test_absurd_sizes_are_refused(zipped, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS_ALLOWED", 1000)
    archive = zipped({"bomb": bytes(3_000_000)})
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(3_000_000)))
    for bomb in (archive, tmp_path / "bomb.gz"):
        with pytest.raises(UserError, match="absurdly more"):
            unpack(bomb, tmp_path / "data")
    assert files(tmp_path / "data") == []


def test_a_full_disk_is_noticed_first(zipped, tmp_path, monkeypatch):
    archive = zipped({"a": bytes(1000)})
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10}))
    with pytest.raises(UserError, match=r"data has 0 MB free.*make room"):
        unpack(archive, tmp_path / "data")


@pytest.mark.parametrize("name", ["images.zip", "images.gz"])
def test_damage_is_said_and_leaves_what_was_there(zipped, tmp_path, name):
    into = tmp_path / "data"
    (into / "set").mkdir(parents=True)
    (into / "set" / "old.txt").write_text("old")
    whole = (
        zipped({"set/a": bytes(range(256)) * 100}).read_bytes() if name.endswith("zip") else gzip.compress(b"x" * 999)
    )
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="is damaged"):
        unpack(tmp_path / name, into)
    assert files(into) == ["set", "set/old.txt"]


def test_a_flipped_bit_is_damage(zipped, tmp_path):
    archive = zipped({"a": bytes(range(256)) * 100})
    content = bytearray(archive.read_bytes())
    content[60] ^= 255
    archive.write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        unpack(archive, tmp_path / "data")


def test_other_kinds_and_missing_archives_are_said(tmp_path):
    (tmp_path / "images.rar").write_bytes(b"Rar!")
    with pytest.raises(UserError, match=r"neither \.zip nor \.gz"):
        unpack(tmp_path / "images.rar", tmp_path / "data")
    with pytest.raises(UserError, match="does not exist"):
        unpack(tmp_path / "nowhere.zip", tmp_path / "data")
