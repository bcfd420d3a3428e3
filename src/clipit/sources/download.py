"""Downloads that survive a cut line, a killed job and a full disk, check what arrived, and happen once."""

import sys
from dataclasses import dataclass
from pathlib import Path

from clipit.runtime.errors import UserError
from clipit.runtime.refused import is_full
from clipit.sources.checksums import Digests, Wanted, digests_of, record, record_path, recorded
from clipit.sources.file_lock import alone
from clipit.sources.part_file import PartFile
from clipit.sources.transfer import WrongFile, fetch, public_address


@dataclass(frozen=True)
class DownloadedFile:
    """What was downloaded: size in bytes, digests in hexadecimal."""

    size: int
    md5: str
    sha256: str


def download_file(
    url: str,
    out: str | Path,
    *,
    md5: str | None = None,
    sha256: str | None = None,
    size: int | None = None,
    tries: int = 6,
) -> DownloadedFile:
    """Fetches `url` into `out`, unless `out` is there already and passes the checks.

    Bytes go to `{out}.part`, which a later try continues; so does a later run if a checksum vouches for the whole or
    the server says that its file is still the same. `out` appears by renaming, after the checks. `{out}.sha256` then
    records what came, as sha256sum writes it: where no checksum is published, later runs check against it.

    What lies at `out` is overwritten only if it is what an earlier download recorded. A file put there by hand is
    accepted if it passes the checks and refused if not. Processes that download to the same `out` take turns.

    `md5` and `sha256` are hexadecimal, `size` is in bytes; `tries` is how often in a row nothing may come.

    Raises:
        UserError: unreachable, refused, the wrong bytes, or too little room on the disk. Its message never holds the
            userinfo or the query of `url`, where secrets travel.
    """
    out = Path(out)
    published = Wanted(md5, sha256, size)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with alone(out.with_name(f"{out.name}.part.lock"), f"downloading {out}"):
            found = _present(url, out, published) or _downloaded(url, out, published, tries)
    except OSError as error:
        if is_full(error):
            raise UserError(f"{out.parent} is full: make room and run again, what came of {out.name} is kept") from None
        raise UserError(f"{out} cannot be read or written ({error.strerror}): check its folder") from None
    return DownloadedFile(found.size, found.md5, found.sha256)


def _present(url: str, out: Path, published: Wanted) -> Digests | None:
    """What lies at `out`, if it is right; None if nothing does, or an earlier download that may be replaced."""
    if out.is_dir():
        raise UserError(f"{out} is a folder: remove it, a file of this name is to be downloaded")
    if not out.exists():
        return None
    found = digests_of(out)
    fault = published.fault(found)
    if fault and found.sha256 == recorded(out):
        print(f"clipit: {out} {fault}: downloading it again", file=sys.stderr)
        return None
    if fault:
        raise UserError(
            f"{out} {fault}, and clipit did not download it: put the file of {public_address(url)} there, "
            "or delete it to have it downloaded"
        )
    if not published.vouched and recorded(out) not in (None, found.sha256):
        raise UserError(
            f"{out} has sha256 {found.sha256} instead of {recorded(out)}, recorded when it first came: delete it to "
            f"have it downloaded again, or delete {record_path(out)} if the change is meant"
        )
    PartFile(out).discard()
    _record(out, found, published)
    return found


def _downloaded(url: str, out: Path, published: Wanted, tries: int) -> Digests:
    """Fetches, checks, names and records the file; wrong bytes get one more try."""
    # A file that is to be replaced is the one that is recorded.
    known = None if published.vouched or out.exists() else recorded(out)
    wanted = Wanted(published.md5, published.sha256 or known, published.size)
    part = PartFile(out)
    part.take_up()
    fault = _fault_of_fetched(url, part, wanted, out, tries)
    if fault:
        print(f"clipit: {public_address(url)} {fault}: downloading it once more", file=sys.stderr)
        fault = _fault_of_fetched(url, part, wanted, out, tries)
    if fault:
        advice = f"delete {record_path(out)} to accept it" if known else "check the catalog entry"
        raise UserError(f"{public_address(url)} {fault}: the file changed at its source, {advice}")
    part.finish(out)
    _record(out, part.digests, published)
    return part.digests


def _fault_of_fetched(url: str, part: PartFile, wanted: Wanted, out: Path, tries: int) -> str | None:
    """Fetches into `part`; what is wrong with what came, or None. Wrong bytes are not kept."""
    try:
        fetch(url, part, wanted, out=out, tries=tries)
        fault = wanted.fault(part.digests)
    except WrongFile as error:
        fault = str(error)
    if fault:
        part.discard()
    return fault


def _record(out: Path, found: Digests, published: Wanted) -> None:
    if recorded(out) == found.sha256:
        return
    record(out, found.sha256)
    if not published.vouched:
        print(
            f"clipit: {out} has no published checksum: recorded sha256 {found.sha256} in {record_path(out).name}, "
            "later runs check against it",
            file=sys.stderr,
        )
