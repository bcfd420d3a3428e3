"""Downloads that survive a cut line, check what arrived, and happen once."""

import hashlib
import shutil
import sys
import time
from pathlib import Path

import requests
import urllib3

from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress

_MB = 1_000_000
_TIMEOUT = (15, 60)  # seconds to connect, seconds without a byte
_RETRY = (408, 425, 429, 500, 502, 503, 504)


class _Interrupted(Exception):
    """A try failed in a way that another try may mend."""


def download_file(
    url: str,
    out: str | Path,
    *,
    md5: str | None = None,
    sha256: str | None = None,
    size: int | None = None,
    tries: int = 6,
) -> None:
    """Fetches `url` into `out`, unless `out` is there already and passes the given checks.

    Bytes go to `{out}.part`, which a later try (or a later run, if there is a checksum to vouch for the whole)
    continues; `out` appears by renaming, after the checks. `md5` and `sha256` are hexadecimal, `size` is in bytes.

    Raises:
        UserError: unreachable, refused, the wrong bytes, or too little room on the disk.
    """
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists():
        fault = _fault(out, md5, sha256, size)
        if fault is None:
            return
        print(f"clipit: {out} {fault}: downloading it again", file=sys.stderr)
    part = out.with_name(f"{out.name}.part")
    if not (md5 or sha256):
        part.unlink(missing_ok=True)
    inherited = part.exists()
    _fetch(url, part, out, size, tries)
    fault = _fault(part, md5, sha256, size)
    if fault and inherited:
        part.unlink()
        _fetch(url, part, out, size, tries)
        fault = _fault(part, md5, sha256, size)
    if fault:
        part.unlink()
        raise UserError(f"{url} {fault}: the file changed at its source, check the catalog entry")
    part.replace(out)


def _fault(path: Path, md5: str | None, sha256: str | None, size: int | None) -> str | None:
    """What is wrong with the file at `path`, or None."""
    found_size = path.stat().st_size
    if size is not None and found_size != size:
        return f"has {found_size:,} bytes instead of {size:,}"
    for kind, expected in (("md5", md5), ("sha256", sha256)):
        if expected:
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, kind).hexdigest()
            if found != expected.lower():
                return f"has {kind} {found} instead of {expected.lower()}"
    return None


def _fetch(url: str, part: Path, out: Path, size: int | None, tries: int) -> None:
    """Fills `part`, resuming after interruptions with growing pauses."""
    validator: str | None = None
    for attempt in range(tries):
        try:
            with requests.get(url, headers=_headers(part, validator), stream=True, timeout=_TIMEOUT) as response:
                if response.ok:
                    validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
                _receive(response, url, part, out, size)
                return
        except (_Interrupted, requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            reason = str(error) if isinstance(error, _Interrupted) else type(error).__name__
            if attempt + 1 < tries:
                pause = min(2**attempt, 30)
                print(f"clipit: {url}: {reason}, trying again in {pause} s", file=sys.stderr)
                time.sleep(pause)
        except requests.RequestException as error:
            raise UserError(
                f"{url} is not a valid address ({type(error).__name__}): check the catalog entry"
            ) from error
    raise UserError(f"{url} cannot be reached ({reason}): fetch the file by hand and put it at {out}")


def _headers(part: Path, validator: str | None) -> dict[str, str]:
    # No transfer encoding: a .gz must arrive as it is stored, and byte ranges count stored bytes.
    headers = {"Accept-Encoding": "identity"}
    if part.exists() and part.stat().st_size:
        headers["Range"] = f"bytes={part.stat().st_size}-"
        if validator and not validator.startswith("W/"):
            headers["If-Range"] = validator
    return headers


def _receive(response: requests.Response, url: str, part: Path, out: Path, size: int | None) -> None:
    """Appends a partial answer to `part`, or starts it anew with a whole one."""
    status = response.status_code
    if status == 416:  # the part is as long as the file, or longer
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        if part.exists() and total == str(part.stat().st_size):
            return
        part.unlink(missing_ok=True)
        raise _Interrupted("the server refused to resume")
    if status in _RETRY:
        raise _Interrupted(f"HTTP {status}")
    if status not in (200, 206):
        raise UserError(f"{url} answers HTTP {status}: fetch the file by hand and put it at {out}")
    offset = part.stat().st_size if status == 206 else 0
    if status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
        part.unlink()
        raise _Interrupted("the server resumed at another place")
    length = response.headers.get("Content-Length")
    remaining = int(length) if length else (size or 0) - offset
    free = shutil.disk_usage(part.parent).free
    if remaining > free:
        raise UserError(
            f"{part.parent} has {free / _MB:,.0f} MB free, {out.name} needs {remaining / _MB:,.0f} MB more: make room"
        )
    what = f"{out.name} (from {offset / _MB:,.0f} MB)" if offset else out.name
    received = 0
    with open(part, "ab" if offset else "wb") as file, Progress(what, -(-remaining // _MB), "MB") as progress:
        for block in response.raw.stream(_MB, decode_content=False):
            file.write(block)
            received += len(block)
            progress.advance(-(-received // _MB) - progress.done)
    if length and received < remaining:
        raise _Interrupted("the connection was cut")
