"""Archives that mean harm: names that lead elsewhere, sizes that fill the disk."""

import gzip
import stat
import struct
import tracemalloc
import warnings
import zipfile

import pytest
from tests.sources.zips import BYTES, edit, files, refused

from clipit.runtime.errors import UserError
from clipit.sources import archives
from clipit.sources.archives import unpack

# --------------------------------------------------------------------------------------------------- hostile names


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../out.txt", "..\\out.txt", "C:/out.txt", "../"])
def test_a_path_outside_is_refused(zipped, tmp_path, name):
    refused(zipped({"fine.txt": b"f", name: b"evil"}), tmp_path / "data", "a path outside its target")
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_are_refused(tmp_path, kind):
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (kind | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    refused(tmp_path / "links.zip", tmp_path / "data", "a link or a device")


@pytest.mark.parametrize("character", [b"\0", b"\n", b"\x1b"])
def test_control_characters_in_a_name_are_refused(zipped, tmp_path, character):
    archive = edit(zipped({"evilX.txt": b"e"}), b"evilX", b"evil" + character)
    refused(archive, tmp_path / "data", "a name with control characters")


def test_a_file_without_a_name_is_refused(zipped, tmp_path):
    refused(zipped({".": b"e"}), tmp_path / "data", "a file without a name")


@pytest.mark.parametrize("name", ["x" * 300, "ж" * 128, "d/" + "x" * 256 + "/a"])
def test_over_long_names_are_refused(zipped, tmp_path, name):
    refused(zipped({name: b"e"}), tmp_path / "data", "a name of over 255 bytes")


def test_an_over_long_path_is_refused(zipped, tmp_path):
    refused(zipped({"x" * 200 + "/" + "/".join(["y" * 200] * 25): b"e"}), tmp_path / "data", "File name too long")


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("set/a", "set/a", "holds 'set/a' twice"),
        ("set/a", "set/./a", "holds 'set/a' twice"),
        ("set/a", "set/A", "holds 'set/a' and 'set/A', one name to some systems"),
        ("set/a", "SET/b", "holds 'set' and 'SET', one name"),
        ("caf\u00e9", "cafe\u0301", "one name to some systems"),
        ("set", "set/a", "holds 'set' as a file and as a folder"),
        ("set/a", "set", "holds 'set' as a file and as a folder"),
        ("set/", "set", "holds 'set' as a file and as a folder"),
    ],
)
def test_names_that_collide_are_refused(tmp_path, first, second, message):
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr(first, b"1")
        archive.writestr(second, b"2")
    refused(tmp_path / "twice.zip", tmp_path / "data", message)


def test_a_folder_may_be_listed_twice(tmp_path):
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        for name in ("set/", "set/", "set/a"):
            archive.writestr(name, b"")
    unpack(tmp_path / "twice.zip", tmp_path / "data")
    assert files(tmp_path / "data") == ["set", "set/a"]


@pytest.mark.parametrize(("there", "coming"), [("set/old.txt", "set"), ("set", "set/new.txt")])
def test_neither_a_file_nor_a_folder_takes_the_place_of_the_other(zipped, tmp_path, there, coming):
    old = tmp_path / "data" / there
    old.parent.mkdir(parents=True)
    old.write_text("mine")
    refused(zipped({"a": b"a", coming: b"new"}), tmp_path / "data", "where images.zip holds something else")
    assert old.read_text() == "mine"


def test_nothing_is_written_through_a_link_that_is_there(zipped, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data" / "set").symlink_to(tmp_path / "elsewhere")
    refused(zipped({"set/a": b"a"}), tmp_path / "data", "set is a link, where images.zip holds")
    assert files(tmp_path / "elsewhere") == []


def test_an_archive_never_overwrites_itself(zipped, tmp_path):
    archive = zipped({"images.zip": b"i"})
    before = archive.read_bytes()
    with pytest.raises(UserError, match="an entry of its own name"):
        unpack(archive, tmp_path)
    assert archive.read_bytes() == before


# ----------------------------------------------------------------------------------------------------------- bombs


def test_absurd_sizes_are_refused(zipped, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS_ALLOWED", 1000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(3_000_000)))
    for bomb in (zipped({"bomb": bytes(3_000_000)}), tmp_path / "bomb.gz"):
        refused(bomb, tmp_path / "data", "absurdly more")


def test_a_stream_gives_no_more_than_its_declared_size(zipped, tmp_path, monkeypatch):
    archive = edit(zipped({"bomb": bytes(3_000_000)}), struct.pack("<I", 3_000_000), struct.pack("<I", 1000))
    written = []
    monkeypatch.setattr(archives.Progress, "advance", lambda self, n: written.append(n))
    refused(archive, tmp_path / "data", "is damaged")
    assert sum(written) <= 1000


def test_a_stream_shorter_than_its_declared_size_is_damage(zipped, tmp_path):
    archive = edit(zipped({"a": BYTES}), struct.pack("<I", len(BYTES)), struct.pack("<I", len(BYTES) + 1000))
    refused(archive, tmp_path / "data", "is damaged .*shorter than declared")


def test_memory_stays_small_however_well_it_was_packed(zipped, tmp_path):
    archive = zipped({"zeros": bytes(100_000_000)}, method=zipfile.ZIP_LZMA)
    tracemalloc.start()
    try:
        unpack(archive, tmp_path / "data")
        assert tracemalloc.get_traced_memory()[1] < 90_000_000
    finally:
        tracemalloc.stop()
