"""Downloads against a real server on this machine, which goes wrong when it is told to."""

import errno
import fcntl
import hashlib
import io
import os
import subprocess
import sys
import threading
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
import requests
from tests.servers.http import Fault
from tests.sources.served import CONTENT, CUT, MD5, OTHER, PATH, RECORD, SHA256, leave_part, names

from clipit.runtime.errors import UserError
from clipit.sources import disk, transfer
from clipit.sources.download import DownloadedFile, download_file

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


@pytest.mark.parametrize(
    ("asked", "steps", "refused"),
    [
        ("https://a/file.bin", ["http://b/file.bin?sig=hunter2"], True),
        ("HTTPS://a/file.bin", ["http://b/file.bin", "https://c/file.bin"], True),
        ("https://a/file.bin", ["https://b/file.bin", "https://c/file.bin"], False),
        ("http://a/file.bin", ["http://b/file.bin"], False),
    ],
)
def test_a_redirect_that_leaves_https_is_refused(out, monkeypatch, asked, steps, refused):
    # In place of servers with certificates: the answer that requests would hand over.
    answers = [requests.Response() for _ in steps]
    for response, url in zip(answers, steps, strict=True):
        response.status_code, response.url, response.raw = 404, url, io.BytesIO()
    *answers[-1].history, answer = answers
    monkeypatch.setattr(transfer.requests, "get", lambda url, **more: answer)
    with pytest.raises(UserError) as caught:
        download_file(asked, out)
    assert ("leads to " in str(caught.value)) == refused
    assert "hunter2" not in str(caught.value)


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
