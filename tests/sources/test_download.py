"""Downloads against a real server on this machine, which goes wrong when it is told to."""

import errno
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import threading
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from tests.servers.http import Fault

from clipit.runtime.errors import UserError
from clipit.sources import disk, transfer
from clipit.sources.download import DownloadedFile, download_file

CONTENT = bytes(range(256)) * 9_000  # 2.3 MB
OTHER = CONTENT[::-1]
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PATH = "/file.bin"
RECORD = f"{SHA256}  file.bin\n"
CUT = 1_200_000


@pytest.fixture
def server(file_server, monkeypatch):
    """Serves CONTENT at `url`; `script` holds the faults of the coming answers, `pauses` the seconds waited."""
    pauses: list[float] = []
    monkeypatch.setattr(transfer.time, "sleep", pauses.append)
    file_server.files[PATH] = CONTENT
    script = file_server.faults[PATH] = []
    url = file_server.url(PATH)
    return SimpleNamespace(http=file_server, url=url, script=script, requests=file_server.requests, pauses=pauses)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "file.bin"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def ranges(server):
    return [request.headers.get("Range") for request in server.requests]


def leave_part(server, out, faults, **checks):
    """A run that ends in the middle: its part stays."""
    server.script[:] = [*faults, Fault(status=503)]
    with pytest.raises(UserError, match=r"cannot be reached \(HTTP 503\): run again to go on from 1 MB"):
        download_file(server.url, out, tries=2, **checks)
    server.requests.clear()


# ------------------------------------------------------------------------------------------------ what arrives


def test_a_file_arrives_checked_and_recorded(server, out, capsys):
    found = download_file(server.url, out, md5=MD5, sha256=SHA256.upper(), size=len(CONTENT))
    assert found == DownloadedFile(len(CONTENT), MD5, SHA256)
    assert out.read_bytes() == CONTENT
    assert names(out.parent) == ["file.bin", "file.bin.sha256"]
    assert out.with_name("file.bin.sha256").read_text() == RECORD
    shown = capsys.readouterr().err
    assert "file.bin [####################] 2.3/2.3 MB · " in shown and "MB/s" in shown
    assert "no published checksum" not in shown
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


def test_nothing_is_downloaded_twice(server, out):
    first = download_file(server.url, out, sha256=SHA256)
    assert download_file(server.url, out, sha256=SHA256) == download_file(server.url, out) == first
    assert len(server.requests) == 1


def test_an_empty_file_arrives_too(server, out):
    server.http.files[PATH] = b""
    assert download_file(server.url, out).size == 0
    assert out.read_bytes() == b""


@pytest.mark.parametrize("fault", [Fault(no_length=True), Fault(chunked=True)])
def test_a_file_of_unknown_length_arrives(server, out, capsys, fault):
    server.script[:] = [fault]
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT
    assert "file.bin [....................] 2.3 MB · " in capsys.readouterr().err


def test_a_redirect_is_followed(server, out):
    server.http.files["/elsewhere.bin"] = CONTENT
    server.script[:] = [Fault(location=server.http.url("/elsewhere.bin"))]
    download_file(server.url, out, sha256=SHA256)
    assert [request.path for request in server.requests] == [PATH, "/elsewhere.bin"]


def test_a_slow_trickle_is_waited_for(server, out, file_server):
    small = CONTENT[:100_000]
    file_server.files[PATH] = small
    server.script[:] = [Fault(trickle=0.001)]
    download_file(server.url, out, md5=hashlib.md5(small).hexdigest())
    assert out.read_bytes() == small


# ------------------------------------------------------------------------------------- without a published checksum


def test_without_a_published_checksum_the_first_download_is_recorded_and_holds(server, out, capsys):
    download_file(server.url, out)
    assert f"no published checksum: recorded sha256 {SHA256} in file.bin.sha256, later runs check" in (
        capsys.readouterr().err
    )
    download_file(server.url, out)
    assert "recorded" not in capsys.readouterr().err
    out.write_bytes(OTHER)
    with pytest.raises(UserError, match=rf"instead of {SHA256}, recorded when it first came: delete it"):
        download_file(server.url, out)
    assert out.read_bytes() == OTHER


def test_a_source_that_changed_since_the_first_download_is_refused(server, out):
    download_file(server.url, out)
    out.unlink()
    server.http.files[PATH] = OTHER
    with pytest.raises(UserError, match=r"changed at its source, delete .*file\.bin\.sha256 to accept it"):
        download_file(server.url, out)
    assert names(out.parent) == ["file.bin.sha256"]
    out.with_name("file.bin.sha256").unlink()
    download_file(server.url, out)
    assert out.read_bytes() == OTHER


def test_a_published_checksum_overrules_the_record(server, out):
    out.with_name("file.bin.sha256").write_text(f"{'0' * 64}  file.bin\n")
    download_file(server.url, out, md5=MD5)
    assert out.with_name("file.bin.sha256").read_text() == RECORD


def test_a_record_without_a_digest_is_said(server, out):
    out.with_name("file.bin.sha256").write_text("oops")
    with pytest.raises(UserError, match=r"file\.bin\.sha256 holds no sha256: delete it"):
        download_file(server.url, out)


def test_a_login_page_is_not_recorded_as_the_file(server, out):
    server.script[:] = [Fault(content_type="text/html; charset=utf-8")]
    with pytest.raises(UserError, match=r"answers with a web page, not with file\.bin"):
        download_file(server.url, out)
    assert names(out.parent) == []


# --------------------------------------------------------------------------------------------- put there by hand


@pytest.mark.parametrize("checks", [{"md5": MD5}, {"sha256": SHA256}, {"size": len(CONTENT)}, {}])
def test_a_file_put_there_by_hand_is_accepted_if_right(server, out, checks):
    out.write_bytes(CONTENT)
    out.with_name("file.bin.part").write_bytes(b"from a download that did not end")
    found = download_file(server.url, out, **checks)
    assert found == DownloadedFile(len(CONTENT), MD5, SHA256)
    assert server.requests == []
    assert names(out.parent) == ["file.bin", "file.bin.sha256"]


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        ({"md5": MD5}, f"has md5 .* instead of {MD5}"),
        ({"sha256": SHA256}, f"has sha256 .* instead of {SHA256}"),
        ({"size": len(CONTENT)}, "has 4 bytes instead of 2,304,000"),
    ],
)
def test_a_file_put_there_by_hand_is_refused_if_wrong_and_kept(server, out, checks, message):
    out.write_bytes(b"mine")
    with pytest.raises(UserError, match=message + ", and clipit did not download it: put the file of http.* there"):
        download_file(server.url, out, **checks)
    assert out.read_bytes() == b"mine"
    assert server.requests == []


def test_an_earlier_download_gives_way_to_what_the_catalog_now_asks_for(server, out, capsys):
    server.http.files[PATH] = OTHER
    download_file(server.url, out)
    server.http.files[PATH] = CONTENT
    server.script[:] = [Fault(status=404)]
    with pytest.raises(UserError, match="HTTP 404"):
        download_file(server.url, out, md5=MD5)
    assert out.read_bytes() == OTHER  # until there is something better
    download_file(server.url, out, md5=MD5)
    assert "downloading it again" in capsys.readouterr().err
    assert out.read_bytes() == CONTENT
    assert out.with_name("file.bin.sha256").read_text() == RECORD


def test_the_record_of_an_earlier_download_does_not_bind_the_next(server, out):
    server.http.files[PATH] = OTHER + b"more"
    download_file(server.url, out)
    server.http.files[PATH] = CONTENT
    download_file(server.url, out, size=len(CONTENT))
    assert out.read_bytes() == CONTENT
    assert out.with_name("file.bin.sha256").read_text() == RECORD


def test_a_folder_in_the_way_is_said(server, out):
    out.mkdir()
    with pytest.raises(UserError, match=r"file\.bin is a folder: remove it"):
        download_file(server.url, out)


# ------------------------------------------------------------------------------------------------------ cut lines


def test_a_cut_line_is_resumed_where_it_broke(server, out):
    server.script[:] = [Fault(cut=CUT), Fault(status=503)]
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT
    assert server.pauses == [1, 2]
    assert ranges(server) == [None, f"bytes={CUT}-", f"bytes={CUT}-"]
    assert server.requests[1].headers["If-Range"] == server.requests[2].headers["If-Range"]


@pytest.mark.parametrize(
    "fault", [Fault(cut=CUT, reset=True), Fault(cut=CUT, reset=True, no_length=True), Fault(cut=CUT, chunked=True)]
)
def test_other_breaks_are_resumed_too(server, out, fault):
    # A reset takes along what has not been read, all of it maybe.
    server.script[:] = [fault]
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT
    assert server.pauses == [1]


def test_a_known_size_tells_the_end_of_a_file_from_a_break(server, out):
    server.script[:] = [Fault(cut=CUT, no_length=True)]
    download_file(server.url, out, size=len(CONTENT))
    assert out.read_bytes() == CONTENT
    assert server.pauses == [1]


def test_a_line_may_break_more_often_than_there_are_tries_if_bytes_come(server, out):
    server.script[:] = [Fault(cut=200_000)] * 9
    download_file(server.url, out, tries=2)
    assert out.read_bytes() == CONTENT
    assert server.pauses == [1] * 9


def test_a_server_without_ranges_starts_over(server, out):
    server.script[:] = [Fault(cut=CUT), Fault(ranges=False)]
    download_file(server.url, out, sha256=SHA256)
    assert out.read_bytes() == CONTENT


def test_a_range_from_another_place_is_not_appended(server, out):
    server.script[:] = [Fault(cut=CUT), Fault(shift=10)]
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={CUT}-", None]


@pytest.mark.parametrize("obeyed", [True, False])
def test_a_file_that_changes_between_tries_is_not_mixed(server, out, obeyed):
    server.script[:] = [Fault(cut=CUT), Fault(changed=OTHER, if_range=obeyed)]
    download_file(server.url, out)
    assert out.read_bytes() == OTHER
    assert ranges(server) == [None, f"bytes={CUT}-"] + [None] * (not obeyed)


def test_a_shorter_file_between_tries_is_noticed_with_a_checksum_too(server, out, capsys):
    shorter = OTHER[:2_000_000]
    server.script[:] = [Fault(cut=CUT), Fault(changed=shorter)]
    download_file(server.url, out, sha256=hashlib.sha256(shorter).hexdigest())
    assert ranges(server) == [None, f"bytes={CUT}-", None]
    assert "the file changed at its source, trying again" in capsys.readouterr().err


@pytest.mark.parametrize("validators", [(), ("weak",)])
def test_nothing_is_appended_when_the_server_cannot_say_that_its_file_is_the_same(server, out, validators):
    server.http.validators = validators
    server.script[:] = [Fault(cut=CUT)]
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT
    assert ranges(server) == [None, None]


def test_a_date_of_change_serves_as_well(server, out):
    server.http.validators = ("weak", "Last-Modified")
    server.script[:] = [Fault(cut=CUT)]
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={CUT}-"]
    assert server.requests[1].headers["If-Range"].endswith("GMT")


# ----------------------------------------------------------------------------------------------- across runs


@pytest.mark.parametrize("checks", [{}, {"md5": MD5}])
def test_a_later_run_goes_on(server, out, checks):
    leave_part(server, out, [Fault(cut=CUT)], **checks)
    assert names(out.parent) == ["file.bin.part", "file.bin.part.json"]
    assert download_file(server.url, out, **checks) == DownloadedFile(len(CONTENT), MD5, SHA256)
    assert out.read_bytes() == CONTENT
    assert ranges(server) == [f"bytes={CUT}-"]
    assert names(out.parent) == ["file.bin", "file.bin.sha256"]


def test_a_later_run_goes_on_from_a_part_of_unknown_origin_when_a_checksum_vouches(server, out):
    out.with_name("file.bin.part").write_bytes(CONTENT[:1000])
    download_file(server.url, out, sha256=SHA256)
    assert out.read_bytes() == CONTENT
    assert ranges(server) == ["bytes=1000-"]


def test_the_record_of_a_lost_file_vouches_too(server, out):
    out.with_name("file.bin.sha256").write_text(RECORD)
    out.with_name("file.bin.part").write_bytes(CONTENT[:1000])
    download_file(server.url, out)
    assert ranges(server) == ["bytes=1000-"]


def test_a_later_run_starts_over_when_the_file_has_changed(server, out):
    leave_part(server, out, [Fault(cut=CUT)])
    server.http.files[PATH] = OTHER
    download_file(server.url, out)
    assert out.read_bytes() == OTHER


def test_a_part_of_another_address_is_not_taken_up(server, out):
    leave_part(server, out, [Fault(cut=CUT)])
    server.http.files["/moved.bin"] = CONTENT
    download_file(server.http.url("/moved.bin"), out)
    assert ranges(server) == [None]


@pytest.mark.parametrize("note", [None, "{", "[]", '{"address": "x"}'])
def test_without_a_checksum_a_part_of_unknown_origin_is_not_trusted(server, out, note):
    out.with_name("file.bin.part").write_bytes(b"from another version")
    if note:
        out.with_name("file.bin.part.json").write_text(note)
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT


@pytest.mark.parametrize("checks", [{}, {"sha256": SHA256}])
def test_a_whole_part_only_needs_its_name(server, out, checks):
    leave_part(server, out, [Fault(cut=CUT)], **checks)
    with open(out.with_name("file.bin.part"), "ab") as part:
        part.write(CONTENT[CUT:])
    if checks:  # then it may be from anywhere
        out.with_name("file.bin.part.json").unlink()
    download_file(server.url, out, **checks)
    assert out.read_bytes() == CONTENT
    assert server.requests == []


def test_a_stale_part_is_fetched_anew(server, out, capsys):
    out.with_name("file.bin.part").write_bytes(b"from another version")
    download_file(server.url, out, sha256=SHA256)
    assert out.read_bytes() == CONTENT
    assert "downloading it once more" in capsys.readouterr().err
    assert ranges(server) == ["bytes=20-", None]


def test_a_part_longer_than_the_file_is_fetched_anew(server, out):
    out.with_name("file.bin.part").write_bytes(CONTENT + b"more")
    download_file(server.url, out, sha256=SHA256)
    assert out.read_bytes() == CONTENT


# ----------------------------------------------------------------------------------------------- wrong bytes


def test_corrupt_bytes_once_are_mended(server, out, capsys):
    server.script[:] = [Fault(corrupt=True)]
    download_file(server.url, out, md5=MD5)
    assert out.read_bytes() == CONTENT
    assert "downloading it once more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("checks", "message", "downloads"),
    [
        ({"md5": "0" * 32}, "has md5 .* instead of 0000", 2),
        ({"size": 10}, "has 2,304,000 bytes instead of 10", 0),  # seen before the first byte
    ],
)
def test_wrong_bytes_are_refused_and_removed(server, out, capsys, checks, message, downloads):
    with pytest.raises(UserError, match=message + ".*: the file changed at its source, check the catalog entry"):
        download_file(server.url, out, **checks)
    assert names(out.parent) == []
    assert len(server.requests) == 2
    assert capsys.readouterr().err.count("file.bin [") == downloads


def test_a_length_that_promises_too_much_ends_well(server, out):
    server.script[:] = [Fault(length=100)]
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT


def test_a_length_that_promises_too_little_is_noticed_by_any_check(server, out):
    for checks in ({"size": len(CONTENT)}, {"md5": MD5}):
        server.script[:] = [Fault(length=-100)]
        download_file(server.url, out, **checks)
        assert out.read_bytes() == CONTENT
        out.unlink()


def test_more_bytes_than_wanted_are_not_taken(server, out):
    server.script[:] = [Fault(no_length=True)] * 2
    with pytest.raises(UserError, match="has more than 1,000 bytes"):
        download_file(server.url, out, size=1000)
    assert names(out.parent) == []


# ------------------------------------------------------------------------------------------- refusals and waits


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_not_tried_again(server, out, status):
    server.script[:] = [Fault(status=status)]
    with pytest.raises(UserError, match=rf"answers HTTP {status}: fetch the file by hand and put it at .*file\.bin"):
        download_file(server.url, out)
    assert len(server.requests) == 1
    assert names(out.parent) == []


def test_a_server_that_asks_to_wait_is_obeyed_within_reason(server, out):
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    waits = ["7", "86400", in_a_minute, "soon", "0"]
    server.script[:] = [Fault(status=429, retry_after=wait) for wait in waits]
    download_file(server.url, out)
    assert server.pauses[:2] == [7, 300]
    assert 50 < server.pauses[2] <= 60
    assert server.pauses[3:] == [8, 16]


def test_an_unreachable_server_ends_in_one_line_with_the_way_out(server, out):
    with pytest.raises(UserError, match=r"cannot be reached \(Connection refused\): .*put it at .*file\.bin") as caught:
        download_file("http://127.0.0.1:1/file.bin", out, tries=3)
    assert "\n" not in str(caught.value)
    assert server.pauses == [1, 2]


def test_a_silent_server_is_given_up(server, out, monkeypatch):
    monkeypatch.setattr(transfer, "_TIMEOUT", (0.2, 0.2))
    server.script[:] = [Fault(hold=0)] * 2
    with pytest.raises(UserError, match="no answer in time"):
        download_file(server.url, out, tries=2)


def test_an_address_that_is_none_is_said(server, out):
    for url in ("file.bin", "ftp://127.0.0.1/file.bin", "http://[/file.bin"):
        with pytest.raises(UserError, match="not a valid address"):
            download_file(url, out)


def test_redirects_without_end_are_said(server, out):
    server.script[:] = [Fault(location=server.url)] * 40
    with pytest.raises(UserError, match="redirects without end"):
        download_file(server.url, out)


@pytest.mark.parametrize(
    "fault", [Fault(status=404), Fault(status=503), Fault(cut=CUT), Fault(length=5), Fault(content_type="text/html")]
)
def test_secrets_in_an_address_are_never_shown_nor_stored(server, out, capsys, fault):
    server.script[:] = [fault] * 3
    url = server.http.url(PATH, userinfo="user:hunter2") + "?token=hunter2#hunter2"
    try:
        download_file(url, out, tries=2)
    except UserError:
        shown = traceback.format_exc()
    else:
        shown = ""
    shown += capsys.readouterr().err
    assert shown and "hunter2" not in shown
    assert server.requests[0].path.endswith("?token=hunter2") and "Authorization" in server.requests[0].headers
    for path in out.parent.iterdir():
        assert b"hunter2" not in path.read_bytes()


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@127.0.0.1:1/f?hunter2",
        "user:hunter2@host/f",
        "http:/user:hunter2@host/f",
        "http://u:hunter2@[::1/f",
        "http://u:hunter2@host:port/f?hunter2",
    ],
)
def test_secrets_in_broken_addresses_are_not_shown_either(server, out, capsys, url):
    with pytest.raises(UserError):
        download_file(url, out, tries=2)
    try:
        download_file(url, out, tries=2)
    except UserError:
        assert "hunter2" not in traceback.format_exc() + capsys.readouterr().err


# -------------------------------------------------------------------------------------------------- the disk


def test_a_full_disk_is_noticed_before_writing(server, out, monkeypatch):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    with pytest.raises(UserError, match=r"data has 1 MB free, file\.bin needs 2 MB more: make room"):
        download_file(server.url, out)
    assert not out.exists()


def test_only_what_is_missing_needs_room(server, out, monkeypatch):
    leave_part(server, out, [Fault(cut=CUT)])
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=len(CONTENT) - CUT))
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT


def test_a_failing_disk_is_said_in_one_line(server, out, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UserError, match=r"file\.bin cannot be read or written \(Input/output error\)"):
        download_file(server.url, out, md5=MD5)
    assert not out.exists()


# ------------------------------------------------------------------------------------------ two at a time

DOWNLOAD = "import sys; from clipit.sources.download import download_file; download_file(sys.argv[1], sys.argv[2])"


def test_a_second_process_waits_and_finds_the_file(server, out):
    server.script[:] = [Fault(hold=CUT)]
    first = subprocess.Popen([sys.executable, "-c", DOWNLOAD, server.url, str(out)], stderr=subprocess.PIPE, text=True)
    assert server.http.held.wait(30)
    second = subprocess.Popen([sys.executable, "-c", DOWNLOAD, server.url, str(out)], stderr=subprocess.PIPE, text=True)
    assert "another process is downloading" in second.stderr.readline()
    assert len(server.requests) == 1
    first.kill()
    first.communicate()
    assert second.communicate(timeout=30)[0] is None and second.returncode == 0
    assert out.read_bytes() == CONTENT
    assert len(server.requests) == 2
    assert names(out.parent) == ["file.bin", "file.bin.sha256"]


def test_many_at_once_fetch_it_once(server, out):
    server.script[:] = [Fault(trickle=0.0005)]
    results, threads = [], []
    for _ in range(4):
        thread = threading.Thread(target=lambda: results.append(download_file(server.url, out)))
        threads.append(thread)
        thread.start()
    for thread in threads:
        thread.join()
    assert set(results) == {DownloadedFile(len(CONTENT), MD5, SHA256)} and len(results) == 4
    assert len(server.requests) == 1
    assert names(out.parent) == ["file.bin", "file.bin.sha256"]


def test_a_file_system_without_locks_is_no_hindrance(server, out, monkeypatch, capsys):
    def refuse(descriptor, kind):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT
    assert "no locks on this file system" in capsys.readouterr().err


def test_the_note_beside_a_part_says_where_it_is_from(server, out):
    leave_part(server, out, [Fault(cut=CUT)])
    note = json.loads(out.with_name("file.bin.part.json").read_text())
    assert note["address"] == server.url and note["total"] == len(CONTENT) and note["validator"].startswith('"')
