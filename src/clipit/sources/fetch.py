"""One entry of `downloads`, from wherever it comes, into the file where it is kept."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipit.artifacts.atomic import atomic_path
from clipit.runtime.errors import UserError
from clipit.runtime.hub import HubFile, HubRepo, cached_file, fetch_files, list_files
from clipit.runtime.refused import is_full
from clipit.sources.checksums import Digests, Wanted, digests_of, record, recorded
from clipit.sources.disk import require_room
from clipit.sources.download import download_file
from clipit.sources.file_lock import alone
from clipit.sources.transfer import public_address


def fetch(source: Mapping[str, Any], path: str | Path) -> str:
    """Fetches what the entry `source` (config.downloads) names into `path`; a file that is there and right is kept.

    A file that someone put at `path` by hand is accepted if it passes the entry's checks: no network is used. One
    that does not is never overwritten.

    Returns:
        its SHA-256, hexadecimal.

    Raises:
        UserError: unreachable, refused, the wrong bytes, or too little room; one line that says what to do.
    """
    path = Path(path)
    if source["kind"] == "http":
        md5, sha256, size = (source.get(key) for key in ("md5", "sha256", "size"))
        return download_file(source["url"], path, md5=md5, sha256=sha256, size=size).sha256
    repo = HubRepo(source["repo"], "dataset", source["revision"])
    wanted = Wanted(sha256=source.get("sha256"), size=source.get("size"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path.with_name(f"{path.name}.part.lock"), f"fetching {path}"):
            found = _present(repo, source["path"], path, wanted) or _placed(repo, source["path"], path, wanted)
            if recorded(path) != found.sha256:
                record(path, found.sha256)
    except OSError as error:
        if is_full(error):
            raise UserError(f"{path.parent} is full: make room and run again") from None
        raise UserError(f"{path} cannot be read or written ({error.strerror}): check its folder") from None
    return found.sha256


def public_source(source: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as it may be written down: its address without userinfo and query, where secrets travel."""
    return {key: public_address(value) if key == "url" else value for key, value in source.items()}


def _present(repo: HubRepo, name: str, path: Path, wanted: Wanted) -> Digests | None:
    """What lies at `path`, if it is right; None if nothing does, or what the entry asked for before it was edited."""
    if not path.exists():
        return None
    found = digests_of(path)
    fault = wanted.fault(found) if wanted.vouched else Wanted(sha256=recorded(path), size=wanted.size).fault(found)
    if fault is None:
        return found
    if wanted.vouched and found.sha256 == recorded(path):
        print(f"clipit: {path} {fault}: fetching it again", file=sys.stderr)
        return None
    raise UserError(
        f"{path} {fault}, and clipit did not put it there: put {_address(repo, name)} there, or delete it to have it "
        "fetched"
    )


def _placed(repo: HubRepo, name: str, path: Path, wanted: Wanted) -> Digests:
    """The file from the hub's cache, fetched unless it is there, copied to `path`."""
    cached = cached_file(repo, name) or _fetched(repo, name, path)
    found = digests_of(cached)
    if fault := wanted.fault(found):
        # The cache is other projects' too: only what the hub itself calls damaged goes.
        try:
            published = _published(repo, name, path)
        except UserError as error:
            raise UserError(f"{cached} {fault}, and the hub cannot say which is right: {error}") from None
        if published.fault(found) is None:
            raise UserError(f"{_address(repo, name)} {fault}: check sha256 and size of the catalog entry")
        print(f"clipit: {cached} {fault}: fetching it again", file=sys.stderr)
        cached.resolve().unlink()
        cached = _fetched(repo, name, path)
        found = digests_of(cached)
        if fault := wanted.fault(found):
            raise UserError(f"{_address(repo, name)} {fault}: check sha256 and size of the catalog entry")
    with atomic_path(path) as temporary:
        # No link: whoever writes over `path` would write into a cache that other projects share.
        require_room(path.parent, found.size, path.name)
        shutil.copyfile(cached, temporary)
    return found


def _published(repo: HubRepo, name: str, path: Path) -> Wanted:
    """What the hub says of the file: its size, and the SHA-256 of a large one."""
    _, file = _listed(repo, name, path)
    return Wanted(sha256=file.sha256, size=file.size)


def _fetched(repo: HubRepo, name: str, path: Path) -> Path:
    at, file = _listed(repo, name, path)
    return fetch_files(at, [file], instead=_instead(repo, name, path))[0]


def _listed(repo: HubRepo, name: str, path: Path) -> tuple[HubRepo, HubFile]:
    """The commit that `repo` is at, and the file there."""
    at, listing = list_files(repo, instead=_instead(repo, name, path))
    file = next((file for file in listing.files if file.path == name), None)
    if file is None:
        raise UserError(f"{repo} has no file {name!r}: look at {repo.page}/tree/{repo.revision}")
    return at, file


def _instead(repo: HubRepo, name: str, path: Path) -> str:
    return f"or fetch {_address(repo, name)} elsewhere and put it at {path}"


def _address(repo: HubRepo, name: str) -> str:
    return f"{repo.page}/resolve/{repo.revision}/{name.replace(' ', '%20')}"
