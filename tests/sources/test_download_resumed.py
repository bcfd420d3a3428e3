"""Downloads that break, in one run or over several: what is taken up again, and what is not."""

import hashlib
import json

import pytest
from tests.servers.http import Fault
from tests.sources.served import CONTENT, CUT, MD5, OTHER, PATH, RECORD, SHA256, leave_part, names, ranges

from clipit.runtime.errors import UserError
from clipit.sources.download import DownloadedFile, download_file

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


def test_the_note_beside_a_part_says_where_it_is_from(server, out):
    leave_part(server, out, [Fault(cut=CUT)])
    note = json.loads(out.with_name("file.bin.part.json").read_text())
    assert note["address"] == server.url and note["total"] == len(CONTENT) and note["validator"].startswith('"')
