"""One file over HTTP: asked for again and again until it is whole, each time from where it broke off."""

import email.utils
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3

from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress
from clipit.sources.checksums import Wanted
from clipit.sources.disk import require_room
from clipit.sources.part_file import PartFile, Source

_MB = 1_000_000
_BLOCK = 262_144
_TIMEOUT = (15, 60)  # seconds to connect, seconds without a byte
_RETRY = (408, 425, 429)
_LONGEST_PAUSE = 30  # seconds, of our own accord
_LONGEST_WAIT = 300  # seconds, where the server asks for it


class WrongFile(Exception):
    """The server has another file than the one wanted; the message follows the address."""


class _Interrupted(Exception):
    """A try failed in a way that another try may mend."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


def public_address(url: str) -> str:
    """`url` without userinfo, query and fragment, where secrets travel: the only form that is shown or stored."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the address"
    if not parts.netloc:  # not a URL at all: "user:password@host/file"
        return parts.path.rpartition("@")[2]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def fetch(url: str, part: PartFile, wanted: Wanted, *, out: Path, tries: int) -> None:
    """Fills `part` with the file at `url`, resuming after interruptions with growing pauses.

    More bytes are appended to what is there if a checksum will tell whether they belong together, or if the server
    can say that its file is still the same. `tries` is how often in a row nothing may come. `out` is where a user
    would put the file.

    Raises:
        WrongFile: the file there has another size than the one wanted.
        UserError: unreachable, refused, or too little room on the disk.
        OSError: the part cannot be written.
    """
    address = public_address(url)
    if _is_whole(part, address, wanted):
        return
    failures, longest = 0, part.size
    while True:
        if not _may_resume(part, address, wanted):
            part.discard()
        try:
            with requests.get(url, headers=_headers(part, wanted), stream=True, timeout=_TIMEOUT) as response:
                _check_encrypted(url, response, out)
                _receive(response, address, part, wanted, out)
                return
        except (_Interrupted, requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            reason, wait = _reason(error), error.wait if isinstance(error, _Interrupted) else 0.0
        except requests.TooManyRedirects:
            raise UserError(f"{address} redirects without end: check the catalog entry") from None
        except requests.RequestException as error:
            kind = type(error).__name__
            raise UserError(f"{address} is not a valid address ({kind}): check the catalog entry") from None
        # Bytes that came are worth as many tries again: a large file may be cut more often than that.
        failures = 1 if part.size > longest else failures + 1
        longest = max(longest, part.size)
        if failures >= tries:
            kept = part.size and _may_resume(part, address, wanted)
            again = f"run again to go on from {part.size / _MB:,.0f} MB, or " if kept else ""
            raise UserError(
                f"{address} cannot be reached ({reason}): {again}fetch the file by hand and put it at {out}"
            )
        pause = max(min(2 ** (failures - 1), _LONGEST_PAUSE), min(wait, _LONGEST_WAIT))
        print(f"clipit: {address}: {reason}, trying again in {pause:.0f} s", file=sys.stderr)
        time.sleep(pause)


def _is_whole(part: PartFile, address: str, wanted: Wanted) -> bool:
    """Whether nothing is missing: a run may end between the last byte and the file's name."""
    if part.size == 0:
        return False
    if wanted.vouched:
        return wanted.fault(part.digests) is None
    return _may_resume(part, address, wanted) and part.source is not None and part.source.total == part.size


def _may_resume(part: PartFile, address: str, wanted: Wanted) -> bool:
    """Whether bytes may be appended."""
    if wanted.vouched:
        return True
    return part.source is not None and part.source.validator is not None and part.source.address == address


def _headers(part: PartFile, wanted: Wanted) -> dict[str, str]:
    # No transfer encoding: a .gz must arrive as it is stored, and byte ranges count stored bytes.
    headers = {"Accept-Encoding": "identity"}
    if part.size:
        headers["Range"] = f"bytes={part.size}-"
        # A checksum tells better: mirrors behind one address may disagree about the ETag of equal files.
        if not wanted.vouched and part.source and part.source.validator:
            headers["If-Range"] = part.source.validator
    return headers


def _receive(response: requests.Response, address: str, part: PartFile, wanted: Wanted, out: Path) -> None:
    """Appends a partial answer to `part`, or starts it anew with a whole one."""
    if response.status_code == 416:  # the part is as long as the file, or longer
        if response.headers.get("Content-Range", "").rpartition("/")[2] != str(part.size):
            part.discard()
            raise _Interrupted("the server refused to resume")
        return
    _check_status(response, address, out)
    source = _offered(response, address)
    if wanted.size is not None and source.total not in (None, wanted.size):
        raise WrongFile(f"has {source.total:,} bytes instead of {wanted.size:,}")
    if response.status_code == 206 and part.size:
        _check_continuation(response, source, part, wanted)
    else:
        _check_kind(response, address, wanted, out)
        part.begin(source)
    total = wanted.size if source.total is None else source.total
    require_room(out.parent, (total or 0) - part.size, out.name)
    with part.appending(), Progress(out.name, total or 0, "bytes", done=part.size) as progress:
        while block := response.raw.read1(_BLOCK, decode_content=False):
            part.write(block)
            progress.advance(len(block))
            if total is not None and part.size > total:
                raise WrongFile(f"has more than {total:,} bytes")
        if total is not None and part.size < total:
            raise _Interrupted("the connection was cut")


def _check_status(response: requests.Response, address: str, out: Path) -> None:
    status = response.status_code
    if status in _RETRY or status >= 500:
        raise _Interrupted(f"HTTP {status}", _retry_after(response.headers.get("Retry-After")))
    if status not in (200, 206):
        raise UserError(f"{address} answers HTTP {status}: fetch the file by hand and put it at {out}")


def _check_encrypted(url: str, response: requests.Response, out: Path) -> None:
    """An https address may redirect to https alone: elsewhere, anyone on the way could change the file."""
    for step in (*response.history, response):
        if urlsplit(url).scheme == "https" and urlsplit(step.url).scheme != "https":
            raise UserError(
                f"{public_address(url)} leads to {public_address(step.url)}, which is not encrypted: fetch the file by "
                f"hand and put it at {out}"
            )


def _retry_after(value: str | None) -> float:
    """Seconds that the server asks to wait, given as such or as a date."""
    if value is None or value.isdecimal():
        return float(value or 0)
    try:
        return (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return 0


def _offered(response: requests.Response, address: str) -> Source:
    """The file that an answer is of."""
    length = response.headers.get("Content-Length", "")
    if response.status_code == 206:
        length = response.headers.get("Content-Range", "").rpartition("/")[2]
    validator = response.headers.get("ETag")
    if validator is None or validator.startswith("W/"):  # a weak one holds for bytes that differ
        validator = response.headers.get("Last-Modified")
    return Source(address, validator, int(length) if length.isdecimal() else None)


def _check_continuation(response: requests.Response, source: Source, part: PartFile, wanted: Wanted) -> None:
    """Whether a partial answer goes on where `part` ends, in the same file."""
    if not re.match(rf"bytes {part.size}-", response.headers.get("Content-Range", "")):
        part.discard()
        raise _Interrupted("the server resumed at another place")
    if part.source is None:
        return
    another_size = None not in (source.total, part.source.total) and source.total != part.source.total
    if another_size or (not wanted.vouched and source.validator != part.source.validator):
        part.discard()
        raise _Interrupted("the file changed at its source")


def _check_kind(response: requests.Response, address: str, wanted: Wanted, out: Path) -> None:
    """A page that asks to log in comes with status 200; only a checksum would tell it from the file."""
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    if is_page and not wanted.vouched and out.suffix not in (".html", ".htm"):
        raise UserError(
            f"{address} answers with a web page, not with {out.name}: open it in a browser, fetch the file by hand "
            f"and put it at {out}"
        )


def _reason(error: BaseException) -> str:
    """Why a try failed: the system's own words, never the library's, which quote the whole address."""
    if isinstance(error, _Interrupted):
        return str(error)
    cause = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return "the connection was cut"
    return "no answer in time" if isinstance(cause, TimeoutError) else type(error).__name__
