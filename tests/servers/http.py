"""A file server on this machine that goes wrong on demand: byte ranges, validators, and a script of faults a path.

    with FileServer({"/set.zip": content}) as server:
        server.faults["/set.zip"] = [Fault(cut=1000), Fault(status=503), None]
        download(server.url("/set.zip"))
        assert server.requests[1].headers["Range"] == "bytes=1000-"

It listens on a real port of 127.0.0.1, so subprocesses reach it too.
"""

import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

_BLOCK = 16_384


@dataclass(frozen=True)
class Fault:
    """How one answer goes wrong; what is not named goes right."""

    status: int | None = None
    """This status and no file."""
    retry_after: str | None = None
    location: str | None = None
    """A redirect to this address."""
    changed: bytes | None = None
    """From this answer on, the file is this."""
    cut: int | None = None
    """The connection ends after so many bytes of the body."""
    reset: bool = False
    """A cut is a reset by the peer rather than an orderly end."""
    hold: int | None = None
    """After so many bytes nothing more comes, while the connection stays open; `FileServer.held` is set."""
    length: int = 0
    """Added to the Content-Length that is announced."""
    no_length: bool = False
    """No length is announced: the connection's end is the file's."""
    chunked: bool = False
    """No length is announced: the file comes in chunks that tell their own."""
    corrupt: bool = False
    """The last byte is another one."""
    ranges: bool = True
    """Whether a range is answered by a range."""
    if_range: bool = True
    """Whether If-Range is obeyed."""
    shift: int = 0
    """A range starts so many bytes later than asked for."""
    trickle: float = 0.0
    """Seconds before each block of 16 kB."""
    content_type: str = "application/octet-stream"


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]


@dataclass
class FileServer:
    """Serves `files` (path -> bytes, or a file) on a port of its own while its context is open."""

    files: dict[str, bytes | Path] = field(default_factory=dict)
    faults: dict[str, list[Fault | None]] = field(default_factory=dict)
    """Path -> faults of the coming answers, used up one by one; None: this answer is right."""
    validators: tuple[str, ...] = ("ETag", "Last-Modified")
    """What tells one state of a file from another; "weak" is a weak ETag."""
    requests: list[Request] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, userinfo: str = "") -> str:
        return f"http://{userinfo}{'@' if userinfo else ''}127.0.0.1:{self._http.server_port}{path}"

    def __enter__(self) -> Self:
        self._http = _Listening(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: FileServer


class _Handler(BaseHTTPRequestHandler):
    server: _Listening

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        owner = self.server.owner
        owner.requests.append(Request(self.command, self.path, dict(self.headers)))
        path = self.path.partition("?")[0]
        script = owner.faults.get(path)
        fault = (script.pop(0) if script else None) or Fault()
        if fault.changed is not None:
            owner.files[path] = fault.changed
        with contextlib.suppress(ConnectionError):
            if fault.status or fault.location:
                self._refuse(fault)
            elif path not in owner.files:
                self._refuse(Fault(status=404))
            else:
                self._serve(owner.files[path], fault, body)

    def _refuse(self, fault: Fault) -> None:
        self.send_response(fault.status or 302)
        if fault.retry_after:
            self.send_header("Retry-After", fault.retry_after)
        if fault.location:
            self.send_header("Location", fault.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _serve(self, file: bytes | Path, fault: Fault, body: bool) -> None:
        content = file.read_bytes() if isinstance(file, Path) else file
        validators = _validators(content)
        start, end = self._range(content, validators, fault)
        if start >= len(content) > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = start and start + fault.shift
        self.send_response(206 if (start, end) != (0, len(content)) else 200)
        for name in self.server.owner.validators:
            self.send_header("ETag" if name == "weak" else name, validators[name])
        self.send_header("Content-Type", fault.content_type)
        self.send_header("Accept-Ranges", "bytes")
        if (start, end) != (0, len(content)):
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        if fault.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif not fault.no_length:
            self.send_header("Content-Length", str(end - start + fault.length))
        self.end_headers()
        if body:
            served = content[start:end]
            self._send(served[:-1] + bytes([served[-1] ^ 255]) if fault.corrupt else served, fault)

    def _range(self, content: bytes, validators: Mapping[str, str], fault: Fault) -> tuple[int, int]:
        """The half-open range of bytes to answer with."""
        asked = self.headers.get("Range")
        held = self.headers.get("If-Range")
        if not asked or not fault.ranges or (held and fault.if_range and held not in validators.values()):
            return 0, len(content)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        return int(first), min(int(last) + 1, len(content)) if last else len(content)

    def _send(self, served: bytes, fault: Fault) -> None:
        stop = next((n for n in (fault.cut, fault.hold) if n is not None), len(served))
        for at in range(0, min(stop, len(served)), _BLOCK):
            if fault.trickle:
                threading.Event().wait(fault.trickle)  # not time.sleep, which a test may have replaced
            block = served[at : min(at + _BLOCK, stop)]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block) if fault.chunked else block)
        if fault.chunked and stop >= len(served):
            self.wfile.write(b"0\r\n\r\n")
        if fault.hold is not None:
            self.server.owner.held.set()
            while self.connection.recv(1):  # returns nothing once the client has gone
                pass
        if fault.cut is not None and fault.reset:
            # Lingering for no time makes close() send a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *args: object) -> None:
        pass


def _validators(content: bytes) -> dict[str, str]:
    digest = hashlib.sha256(content).hexdigest()
    date = formatdate(1_500_000_000 + int(digest[:6], 16), usegmt=True)
    return {"ETag": f'"{digest[:16]}"', "weak": f'W/"{digest[:16]}"', "Last-Modified": date}
