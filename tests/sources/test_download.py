"""Downloads against a real server on this machine, which cuts the line when it is told to."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from clipit.runtime.errors import UserError
from clipit.sources import download
from clipit.sources.download import download_file

CONTENT = bytes(range(256)) * 9_000  # 2.3 MB
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT with byte ranges; `server.script` says how each coming answer goes wrong."""

    def do_GET(self) -> None:
        self.server.requests.append(dict(self.headers))
        fault = self.server.script.pop(0) if self.server.script else None
        if isinstance(fault, int):
            self.send_error(fault)
            return
        start = 0
        if "Range" in self.headers and fault != "no ranges":
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("ETag", '"v1"')
        self.send_header("Content-Length", str(len(CONTENT) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        end = start + 1_200_000 if fault == "cut" else len(CONTENT)
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.script, server.requests = [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/file.bin"
    yield SimpleNamespace(url=url, script=server.script, requests=server.requests, pauses=pauses)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "data" / "file.bin"


def test_a_file_arrives_checked_and_alone(server, out, capsys):
    download_file(server.url, out, md5=MD5, sha256=SHA256.upper(), size=len(CONTENT))
    assert out.read_bytes() == CONTENT
    assert [path.name for path in out.parent.iterdir()] == ["file.bin"]
    assert "file.bin [" in capsys.readouterr().err
    assert server.requests[0]["Accept-Encoding"] == "identity"


def test_nothing_is_downloaded_twice(server, out):
    download_file(server.url, out, sha256=SHA256)
    download_file(server.url, out, sha256=SHA256)
    download_file(server.url, out)
    assert len(server.requests) == 1


def test_a_present_file_with_other_bytes_is_replaced(server, out, capsys):
    out.parent.mkdir()
    out.write_bytes(b"old")
    download_file(server.url, out, md5=MD5)
    assert out.read_bytes() == CONTENT
    assert "downloading it again" in capsys.readouterr().err


def test_a_cut_line_is_resumed_where_it_broke(server, out):
    server.script[:] = ["cut", 503]
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT
    assert server.pauses == [1, 2]
    first, second, third = server.requests
    assert "Range" not in first
    assert second["Range"] == third["Range"] == "bytes=1200000-"
    assert second["If-Range"] == third["If-Range"] == '"v1"'


def test_a_server_without_ranges_starts_over(server, out):
    server.script[:] = ["cut", "no ranges"]
    download_file(server.url, out, sha256=SHA256)
    assert out.read_bytes() == CONTENT


def test_a_later_run_continues_when_a_checksum_vouches(server, out):
    out.parent.mkdir()
    part = out.with_name("file.bin.part")
    part.write_bytes(CONTENT[:1000])
    download_file(server.url, out, sha256=SHA256)
    assert out.read_bytes() == CONTENT
    assert server.requests[0]["Range"] == "bytes=1000-"


def test_a_complete_part_only_needs_its_name(server, out):
    out.parent.mkdir()
    out.with_name("file.bin.part").write_bytes(CONTENT)
    download_file(server.url, out, sha256=SHA256)
    assert out.read_bytes() == CONTENT


def test_a_stale_part_is_fetched_anew(server, out):
    out.parent.mkdir()
    out.with_name("file.bin.part").write_bytes(b"from another version")
    download_file(server.url, out, sha256=SHA256)
    assert out.read_bytes() == CONTENT


def test_without_a_checksum_an_old_part_is_not_trusted(server, out):
    out.parent.mkdir()
    out.with_name("file.bin.part").write_bytes(b"from another version")
    download_file(server.url, out)
    assert out.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("checks", "message"),
    [({"md5": "0" * 32}, "has md5 .* instead of 0000"), ({"size": 10}, "has 2,304,000 bytes instead of 10")],
)
def test_wrong_bytes_are_refused_and_removed(server, out, checks, message):
    with pytest.raises(UserError, match=message):
        download_file(server.url, out, **checks)
    assert list(out.parent.iterdir()) == []


def test_a_refusal_is_not_tried_again(server, out):
    server.script[:] = [404]
    with pytest.raises(UserError, match=r"answers HTTP 404: fetch the file by hand and put it at .*file\.bin"):
        download_file(server.url, out)
    assert len(server.requests) == 1


def test_an_unreachable_server_ends_in_one_line_with_the_way_out(server, out):
    with pytest.raises(UserError, match=r"cannot be reached .*put it at .*file\.bin") as caught:
        download_file("http://127.0.0.1:1/file.bin", out, tries=3)
    assert "\n" not in str(caught.value)
    assert server.pauses == [1, 2]


def test_a_full_disk_is_noticed_before_writing(server, out, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    with pytest.raises(UserError, match=r"1 MB free, file\.bin needs 2 MB more: make room"):
        download_file(server.url, out)
    assert not out.exists()


def test_an_address_that_is_none_is_said(server, out):
    with pytest.raises(UserError, match="not a valid address"):
        download_file("file.bin", out)
