import bz2
import contextlib
import errno
import gzip
import hashlib
import io
import random
import re
import shutil
import struct
import zipfile

import pytest
from tests.sources.zips import BYTES, files, refused, set_in_headers

from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import write_json
from clipit.runtime.errors import UserError
from clipit.sources import archives, disk
from clipit.sources.archives import unpack, unpack_fetched

# ---------------------------------------------------------------------------------------------------- what arrives


def test_a_zip_and_a_gz_lie_side_by_side(zipped, tmp_path, capsys):
    into = tmp_path / "data"
    unpack(zipped({"set/train/a.txt": b"a", "set/empty/": b"", "readme.txt": b"r"}), into)
    (tmp_path / "labels.h5.gz").write_bytes(gzip.compress(b"labels"))
    unpack(tmp_path / "labels.h5.gz", into)
    assert files(into) == ["labels.h5", "readme.txt", "set", "set/empty", "set/train", "set/train/a.txt"]
    assert (into / "labels.h5").read_bytes() == b"labels"
    assert (into / "set/train/a.txt").read_bytes() == b"a"
    assert [line.partition(" [")[0] for line in capsys.readouterr().err.splitlines()] == [
        "unpack images.zip",
        "unpack labels.h5.gz",
    ]


def test_progress_is_in_bytes(zipped, tmp_path, capsys):
    unpack(zipped({"a": bytes(3_000_000)}), tmp_path / "data")
    assert "[####################] 3.0/3.0 MB · " in capsys.readouterr().err


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_method_of_packing_gives_the_same(zipped, tmp_path, method):
    unpack(zipped({"set/a": BYTES, "set/b": b"", "./set//c": b"c"}, method=method), tmp_path / "data")
    assert (tmp_path / "data/set/a").read_bytes() == BYTES
    assert files(tmp_path / "data") == ["set", "set/a", "set/b", "set/c"]


def test_names_in_capitals_and_other_scripts_are_fine(zipped, tmp_path):
    unpack(zipped({"Größe/Ж.TIF": b"a"}, "SET.ZIP"), tmp_path / "data")
    assert files(tmp_path / "data") == ["Größe", "Größe/Ж.TIF"]


def test_archives_within_stay_packed(zipped, tmp_path):
    inner = zipped({"../evil.txt": b"e"}, "inner.zip").read_bytes()
    unpack(zipped({"inner.zip": inner, "x.gz": gzip.compress(b"x")}), tmp_path / "data")
    assert files(tmp_path / "data") == ["inner.zip", "x.gz"]
    assert (tmp_path / "data/inner.zip").read_bytes() == inner


def test_unpacking_again_leaves_nothing_old_of_the_archive_or_of_a_killed_run(zipped, tmp_path):
    into = tmp_path / "data"
    (into / "set").mkdir(parents=True)
    (into / "set" / "old.txt").write_text("old")
    (into / "other.txt").write_text("another archive's")
    (into / ".images.zip.unpacking").mkdir()
    (into / ".images.zip.unpacking" / "half.txt").write_text("half")
    unpack(zipped({"set/new.txt": b"new"}), into)
    assert files(into) == ["other.txt", "set", "set/new.txt"]


def test_everything_is_on_the_disk_before_it_gets_its_name(zipped, tmp_path, monkeypatch):
    into, seen = tmp_path / "data", []
    monkeypatch.setattr(archives, "flush", lambda folder: seen.append((files(folder), files(into))))
    unpack(zipped({"set/a": b"a"}), into)
    assert seen == [
        (["set", "set/a"], [".images.zip.unpacking", *(f".images.zip.unpacking/{n}" for n in ("set", "set/a"))])
    ]


# ------------------------------------------------------------------------------------------------------- checksums


@pytest.mark.parametrize("kind", ["zip", "gz"])
def test_checksums_of_what_is_unpacked_are_checked(zipped, tmp_path, kind):
    (tmp_path / "set").with_suffix(".gz").write_bytes(gzip.compress(BYTES))
    archive = zipped({"./a/set": BYTES, "b": b"b"}) if kind == "zip" else tmp_path / "set.gz"
    name = "a/set" if kind == "zip" else "set"
    md5 = hashlib.md5(BYTES).hexdigest()
    unpack(archive, tmp_path / "data", md5_of={name: md5.upper()})
    assert (tmp_path / "data" / name).read_bytes() == BYTES
    for md5_of, message in (
        ({name: "0" * 32}, f"holds a {name} with md5 {md5} instead of 0000"),
        ({"other": md5}, "holds no other: the catalog entry"),
    ):
        with pytest.raises(UserError, match=message):
            unpack(archive, tmp_path / "new", md5_of=md5_of)
        assert files(tmp_path / "new") == []


# ------------------------------------------------------------------------------------------------- damage and kinds


def test_several_members_of_a_gzip_follow_each_other(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one ") + gzip.compress(b"two") + bytes(512))  # padded as on tape
    unpack(tmp_path / "a.gz", tmp_path / "data")
    assert (tmp_path / "data/a").read_bytes() == b"one two"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        gzip.compress(BYTES)[:-1],
        gzip.compress(BYTES)[:-8],
        gzip.compress(BYTES) + b"garbage",
        gzip.compress(BYTES) + gzip.compress(BYTES)[:20],
        bz2.compress(BYTES),
    ],
    ids=["empty", "no archive", "cut", "without its sum", "garbage after it", "a second one that is cut", "bzip2"],
)
def test_a_gzip_that_is_cut_or_followed_by_garbage_is_damaged(tmp_path, content):
    (tmp_path / "a.gz").write_bytes(content)
    refused(
        tmp_path / "a.gz", tmp_path / "data", r"a\.gz is damaged \(.+\): delete it and the \.fetched\.json beside it"
    )


def test_a_zip_with_bytes_before_and_after_it_is_read(zipped, tmp_path):
    archive = zipped({"a": BYTES})
    archive.write_bytes(b"#!/bin/sh\n" + archive.read_bytes() + b"\n")
    unpack(archive, tmp_path / "data")
    assert (tmp_path / "data/a").read_bytes() == BYTES


@pytest.mark.parametrize("name", ["images.zip", "images.gz"])
def test_damage_is_said_and_leaves_what_was_there(zipped, tmp_path, name):
    into = tmp_path / "data"
    (into / "set").mkdir(parents=True)
    (into / "set" / "old.txt").write_text("old")
    whole = zipped({"set/a": BYTES}).read_bytes() if name.endswith("zip") else gzip.compress(b"x" * 999)
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / name, into, "is damaged")


def test_a_flipped_bit_is_damage(zipped, tmp_path):
    archive = zipped({"a": BYTES})
    content = bytearray(archive.read_bytes())
    content[60] ^= 255
    archive.write_bytes(content)
    refused(archive, tmp_path / "data", "is damaged")


@pytest.mark.parametrize("offset", [12, 16])
def test_a_table_of_contents_that_points_outside_is_damage(zipped, tmp_path, offset):
    archive = zipped({"a": BYTES})
    content = bytearray(archive.read_bytes())
    struct.pack_into("<I", content, content.index(b"PK\x05\x06") + offset, 10**6)  # its size, its place
    archive.write_bytes(content)
    refused(archive, tmp_path / "data", "is damaged")


@pytest.mark.parametrize(
    ("local", "central", "value", "message"),
    [
        (6, 8, 1, "is encrypted: unpack it by hand"),
        (6, 8, 0x41, "is encrypted"),
        (8, 10, 9, r"packed in an unknown way \(method 9\)"),
        (8, 10, 93, r"packed in an unknown way \(method 93\)"),
        (4, 6, 99, "packed in an unknown way .*version"),
    ],
)
def test_what_the_library_cannot_unpack_is_said(zipped, tmp_path, local, central, value, message):
    refused(set_in_headers(zipped({"a": b"a"}), local, central, value), tmp_path / "data", message)


def test_other_kinds_and_missing_archives_are_said(tmp_path):
    (tmp_path / "images.rar").write_bytes(b"Rar!")
    refused(tmp_path / "images.rar", tmp_path / "data", r"neither \.zip nor \.gz: unpack it by hand into .*data$")
    with pytest.raises(UserError, match="does not exist"):
        unpack(tmp_path / "nowhere.zip", tmp_path / "data")


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_ends_in_one_line_or_changes_nothing_that_is_checked(tmp_path, seed, monkeypatch):
    monkeypatch.setattr(archives, "flush", lambda folder: None)
    rng = random.Random(seed)
    packed = io.BytesIO()
    method = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)[seed]
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("set/a.txt", BYTES[:2000])
        archive.writestr("b.txt", b"hello" * 50)
    whole = packed.getvalue()
    for _ in range(150):
        damaged = bytearray(whole)
        if rng.random() < 0.2:
            del damaged[rng.randrange(len(damaged)) :]
        else:
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        (tmp_path / "a.zip").write_bytes(damaged)
        into = tmp_path / "data"
        with contextlib.suppress(UserError):
            unpack(tmp_path / "a.zip", into)
        for path in into.rglob("*"):
            assert path.is_dir() or path.read_bytes() in (BYTES[:2000], b"hello" * 50)
        assert not list(into.glob(".*"))


# -------------------------------------------------------------------------------------------------------- the disk


def test_a_full_disk_is_noticed_first(zipped, tmp_path, monkeypatch):
    archive = zipped({"a": bytes(1000)})
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10}))
    refused(archive, tmp_path / "data", r"data has 0 MB free, unpacking images\.zip needs 0 MB more: make room")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_disk_that_fills_up_is_said_and_nothing_is_left(zipped, tmp_path, monkeypatch, number):
    def fail(folder):
        raise OSError(number, "full")

    monkeypatch.setattr(archives, "flush", fail)
    refused(zipped({"a": b"a"}), tmp_path / "data", r"data is full, nothing of images\.zip is left there: make room")


def test_other_trouble_with_the_disk_is_said_in_one_line(zipped, tmp_path, monkeypatch):
    def fail(folder):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(archives, "flush", fail)
    refused(zipped({"a": b"a"}), tmp_path / "data", r"cannot be unpacked into .*data \(Input/output error\)")


# ------------------------------------------------------------------------------------------------- what was fetched


@pytest.mark.parametrize("name", ["images.zip", "labels.csv"])
def test_a_file_that_is_not_what_was_fetched_is_neither_unpacked_nor_taken(zipped, tmp_path, name):
    file, marker = zipped({"set/a": b"a"}, name), tmp_path / ".fetched.json"
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    write_json(marker, {"sha256": sha256}, Origin("download_file").provenance())
    unpack_fetched(file, marker)
    assert (tmp_path / "set" / "a").exists() == (name == "images.zip")
    shutil.rmtree(tmp_path / "set", ignore_errors=True)
    zipped({"set/a": b"b"}, name)
    with pytest.raises(UserError, match=r"has changed since it was fetched .*: delete it and the \.fetched\.json"):
        unpack_fetched(file, marker)
    assert not (tmp_path / "set").exists()
    file.unlink()
    with pytest.raises(UserError, match=rf"is gone, .*: delete {re.escape(str(marker))} and run again"):
        unpack_fetched(file, marker)
