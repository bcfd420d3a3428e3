"""Whether the files of data sets and corpora are here or can be had."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import requests

from clipit.artifacts.paths import Paths
from clipit.config.downloads import HttpDownload, HubDownload
from clipit.config.experiment import Config
from clipit.doctor.finding import Check, Finding, size_text
from clipit.doctor.hub import look_up
from clipit.runtime.hub import HubRepo, cached_file
from clipit.sources.transfer import public_address

_TIMEOUT = (5, 10)  # seconds to connect, seconds without a byte
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_UNPACKED = 2.5  # room that an archive and what is unpacked from it take, by its own size; a guess


def download_checks(config: Config, used: dict[str, list[str]]) -> Iterator[Check]:
    """A check for each file that the planned runs download, and each data set and corpus that needs none."""
    wanted: dict[str, list[str]] = {}
    for section in ("datasets", "corpora"):
        for name in used[section]:
            entry = getattr(config, section)[name]
            for download in entry.downloads.values():
                wanted.setdefault(download, []).append(f"{section}.{name}")
            if entry.source == "phantom":
                yield partial(Finding, f"{section}.{name}", "PASS", "synthetic, made here")
    for name, users in wanted.items():
        yield partial(_download, name, users, config)


def _download(name: str, users: list[str], config: Config) -> Finding:
    found = _file(f"downloads.{name}", name, config)
    return replace(found, detail=f"{found.detail} (for {', '.join(users)})")


def _file(subject: str, name: str, config: Config) -> Finding:
    paths, entry = Paths(config.results), config.downloads[name]
    path = Path(paths.download(name, entry.file))
    if path.is_file():
        size = path.stat().st_size
        if entry.size is not None and size != entry.size:
            detail = f"{path} has {size:,} bytes instead of {entry.size:,}"
            return Finding(subject, "FAIL", detail, "delete it to have it fetched, or put the right file there")
        return Finding(subject, "PASS", f"at {path}, {size_text(size)}")
    if Path(paths.downloaded(name)).is_file():
        return Finding(subject, "PASS", f"unpacked in {path.parent}")
    if isinstance(entry, HubDownload):
        return _on_the_hub(subject, entry, path)
    return _on_a_server(subject, entry, path)


def _on_the_hub(subject: str, entry: HubDownload, path: Path) -> Finding:
    repo = HubRepo(entry.repo, "dataset", entry.revision)
    if cached := cached_file(repo, entry.path):
        return Finding(subject, "PASS", f"{repo} in the hub's cache, {size_text(cached.stat().st_size)}")
    return look_up(
        subject,
        repo,
        lambda listing: [file for file in listing.files if file.path == entry.path],
        looked_for=entry.path,
        instead=f"or put the file at {path}",
        copied_to=str(path.parent),
    )


def _on_a_server(subject: str, entry: HttpDownload, path: Path) -> Finding:
    address, by_hand = public_address(entry.url), f"put the file at {path}"
    try:
        status, size, resumes = _head(entry.url)
    except requests.RequestException as error:
        detail = f"{address} cannot be reached ({type(error).__name__})"
        return Finding(subject, "FAIL", detail, f"connect, or fetch it elsewhere and {by_hand}")
    if status in _BUSY:
        return Finding(subject, "WARN", f"{address} answers {status}", f"try again later, or {by_hand}")
    if status >= 400:
        return Finding(subject, "FAIL", f"{address} answers {status}", f"correct the address, or {by_hand}")
    if size is not None and entry.size is not None and size != entry.size:
        detail = f"{address} has {size:,} bytes instead of {entry.size:,}: it changed at its source"
        return Finding(subject, "FAIL", detail, f"check the catalog entry, or {by_hand}")
    size = size or entry.size or 0
    begun = path.with_name(f"{path.name}.part")
    got = begun.stat().st_size if begun.is_file() else 0
    missing = max(size - got, 0)
    detail = f"{size_text(missing)} to fetch from {address}" + (f", {size_text(got)} are here" if got else "")
    room = {str(path.parent): int(size * (_UNPACKED if path.suffix in (".zip", ".gz") else 1)) - got}
    if not size:
        return Finding(subject, "WARN", f"{address} does not say how large its file is", "see that there is room")
    if not resumes:
        remedy = f"stay on a good line, or {by_hand}"
        return Finding(subject, "WARN", f"{detail}; a cut line starts it anew", remedy, missing, room)
    return Finding(subject, "PASS", detail, "", missing, room)


def _head(url: str) -> tuple[int, int | None, bool]:
    """Status, size in bytes if it is told, and whether parts of the file can be asked for."""
    plain = {"Accept-Encoding": "identity"}
    with requests.head(url, headers=plain, allow_redirects=True, timeout=_TIMEOUT) as answer:
        ranges = answer.headers.get("Accept-Ranges") == "bytes"
        if answer.ok and ranges and answer.headers.get("Content-Length"):
            return answer.status_code, int(answer.headers["Content-Length"]), True
    # Some servers refuse HEAD, or tell less of it: one byte of the file says the rest.
    with requests.get(url, headers=plain | {"Range": "bytes=0-0"}, stream=True, timeout=_TIMEOUT) as answer:
        if answer.status_code == 206:
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            return 200, int(total) if total.isdigit() else None, True
        length = answer.headers.get("Content-Length")
        return answer.status_code, int(length) if answer.ok and length else None, False
