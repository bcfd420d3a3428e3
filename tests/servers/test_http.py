"""The file server itself: what it gets right, so that its faults are the only ones."""

import http.client
import urllib.request
from urllib.error import HTTPError

import pytest
from tests.servers.http import Fault

CONTENT = bytes(range(256)) * 400


def ask(url, method="GET", **headers):
    """Status, headers and what came of the body."""
    request = urllib.request.Request(url, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request) as answer:
            try:
                return answer.status, answer.headers, answer.read()
            except http.client.IncompleteRead as cut:
                return answer.status, answer.headers, cut.partial
    except HTTPError as error:
        return error.code, error.headers, b""


@pytest.fixture
def url(file_server, tmp_path):
    (tmp_path / "f").write_bytes(CONTENT)
    file_server.files.update({"/f": tmp_path / "f", "/b": CONTENT})
    return file_server.url("/f")


def test_files_and_bytes_are_served_whole_and_by_ranges(file_server, url):
    status, headers, body = ask(url)
    assert status == 200 and body == CONTENT and headers["Content-Length"] == str(len(CONTENT))
    assert ask(file_server.url("/b"))[2] == CONTENT
    status, part, body = ask(url, Range="bytes=100-199")
    assert status == 206 and body == CONTENT[100:200] and part["Content-Range"] == f"bytes 100-199/{len(CONTENT)}"
    assert ask(url, Range=f"bytes={len(CONTENT)}-")[0] == 416
    assert ask(file_server.url("/none"))[0] == 404
    status, only, body = ask(url, method="HEAD")
    assert status == 200 and body == b"" and only["ETag"] == headers["ETag"]
    assert [request.method for request in file_server.requests][-1] == "HEAD"


def test_a_condition_holds_while_the_file_is_the_same(file_server, url):
    headers = ask(url)[1]
    for validator in (headers["ETag"], headers["Last-Modified"]):
        assert ask(url, Range="bytes=9-", If_Range=validator)[0] == 206
    file_server.files["/f"] = CONTENT[::-1]
    for validator in (headers["ETag"], headers["Last-Modified"]):
        assert ask(url, Range="bytes=9-", If_Range=validator)[0] == 200


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (Fault(status=429, retry_after="3"), 429, b""),
        (Fault(cut=20_000), 206, CONTENT[10:20_010]),
        (Fault(corrupt=True), 206, CONTENT[10:-1] + b"\0"),
        (Fault(ranges=False), 200, CONTENT),
        (Fault(shift=5), 206, CONTENT[15:]),
        (Fault(length=100), 206, CONTENT[10:]),
        (Fault(length=-100), 206, CONTENT[10:-100]),
        (Fault(chunked=True), 206, CONTENT[10:]),
        (Fault(no_length=True), 206, CONTENT[10:]),
        (Fault(trickle=0.001), 206, CONTENT[10:]),
        (Fault(changed=b"something else"), 206, b" else"),
    ],
)
def test_a_fault_spoils_one_answer_in_one_way(file_server, url, fault, status, body):
    file_server.faults["/f"] = [fault, None]
    got = ask(url, Range="bytes=10-" if fault.changed is None else "bytes=9-")
    assert (got[0], got[2]) == (status, body)
    assert got[1]["Retry-After"] == fault.retry_after
    assert ask(url)[2] == (fault.changed or CONTENT)
