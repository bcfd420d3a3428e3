"""The Hugging Face hub: files into its own cache, and its many ways of saying no as one line that says what to do.

A token comes from HF_TOKEN or from the hub's own login, never from here, and is in nothing that is printed. The cache
is the hub's own (HF_HOME), shared with every other project on the machine.
"""

import contextlib
import hashlib
import logging
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from clipit.runtime.errors import UserError, causes
from clipit.runtime.progress import Progress
from clipit.runtime.refused import is_denied, is_full

LOGIN = "run `hf auth login`, or set HF_TOKEN to a token of https://huggingface.co/settings/tokens"
_TIMEOUT = 30  # seconds for a listing
_TRIES = 4

T = TypeVar("T")


@dataclass(frozen=True)
class HubRepo:
    """A repository of the hub, at a branch, tag or commit."""

    name: str
    """organisation/name."""
    kind: Literal["model", "dataset"] = "model"
    revision: str = "main"

    @property
    def page(self) -> str:
        """Where access is asked for."""
        return f"https://huggingface.co/{'datasets/' if self.kind == 'dataset' else ''}{self.name}"

    def __str__(self) -> str:
        return self.name if self.revision == "main" else f"{self.name}@{self.revision[:12]}"


@dataclass(frozen=True)
class HubFile:
    """A file of a repository; `size` in bytes, `sha256` of large files."""

    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True)
class HubListing:
    """What a repository holds at a commit."""

    commit: str
    gated: bool
    files: tuple[HubFile, ...]


Trouble = Literal[
    "token", "access", "bad_token", "repo", "revision", "file", "disabled", "busy", "offline", "unreachable", "disk",
    "broken",
]  # fmt: skip


@dataclass(frozen=True)
class HubTrouble:
    """Why the hub did not give what was asked for: the kind, what is wrong, and what to do."""

    kind: Trouble
    what: str
    remedy: str


class _Broken(Exception):
    """A file came whole and with other bytes than the hub says."""


def hub_listing(repo: HubRepo, *, timeout: float = _TIMEOUT) -> HubListing:
    """Asks the hub for the files of `repo`; of gated repositories too, to whom their content is closed.

    Raises:
        Exception: what huggingface_hub raises; see `trouble`.
    """
    from huggingface_hub import HfApi

    info: Any = HfApi().repo_info(
        repo.name, repo_type=repo.kind, revision=repo.revision, files_metadata=True, timeout=timeout
    )
    files = (
        HubFile(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else None) for file in info.siblings or ()
    )
    return HubListing(info.sha, bool(info.gated), tuple(files))


def check_readable(repo: HubRepo, path: str, *, timeout: float = _TIMEOUT) -> None:
    """Asks the hub for a file without its content: listings are open where files are gated.

    Raises:
        Exception: what huggingface_hub raises; see `trouble`.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    address = hf_hub_url(repo.name, path, repo_type=repo.kind, revision=repo.revision)
    get_hf_file_metadata(address, timeout=timeout)


def cached_file(repo: HubRepo, path: str) -> Path | None:
    """Where the file lies in the cache, if it does; the network is not used."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo.name, path, revision=repo.revision, repo_type=repo.kind)
    return Path(found) if isinstance(found, str) else None


def list_files(repo: HubRepo, *, instead: str) -> tuple[HubRepo, HubListing]:
    """`repo` at the commit that its branch or tag is at now, and its files there; the cache notes that commit.

    Raises:
        UserError: as `fetch_files`.
    """
    listing = asking(repo, lambda: hub_listing(repo), instead=instead)
    _remember(repo, listing.commit)
    return replace(repo, revision=listing.commit), listing


def fetch_files(repo: HubRepo, files: Sequence[HubFile], *, instead: str) -> list[Path]:
    """The files in the cache, downloaded unless they are there; `repo` is at a commit.

    A cut line is resumed, a busy hub asked again; what came is checked against the SHA-256 that the hub tells of
    large files.

    Args:
        instead: what to do without a network, for the message.

    Raises:
        UserError: access, name, network or disk; one line that says what to do.
    """
    found = {file: cached_file(repo, file.path) for file in files}
    needed = sum(file.size for file, path in found.items() if path is None)
    _require_room(needed, repo)
    with Progress(f"download {repo.name}", needed, "bytes") as progress:
        return [path or _fetch(repo, file, progress, instead) for file, path in found.items()]


def _fetch(repo: HubRepo, file: HubFile, progress: Progress, instead: str) -> Path:
    return asking(repo, lambda: _download(repo, file, progress), path=file.path, instead=instead)


def asking(repo: HubRepo, ask: Callable[[], T], *, path: str | None = None, instead: str) -> T:
    """What `ask` gives, asked again with growing pauses while the hub is busy or the line is cut.

    Raises:
        UserError: as `fetch_files`.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            with _plain_lines(repo.name):
                return ask()
        except Exception as error:
            found = trouble(error, repo, path=path, instead=instead)
            if found is None:
                raise
            if attempt == _TRIES or not _passes(found, error):
                # Without its cause: the libraries' own messages hold signed addresses.
                raise UserError(f"{found.what}: {found.remedy}") from None
        pause = 2**attempt
        print(f"clipit: {found.what}: trying again in {pause} s", file=sys.stderr)
        time.sleep(pause)
    raise AssertionError("unreachable")


def _remember(repo: HubRepo, commit: str) -> None:
    """Notes in the cache which commit the branch or tag of `repo` is at, for every later look without a network."""
    if repo.revision == commit:
        return
    ref = cache_folder() / f"{repo.kind}s--{repo.name.replace('/', '--')}" / "refs" / repo.revision
    ref.parent.mkdir(parents=True, exist_ok=True)
    temporary = ref.with_name(f"{ref.name}.{uuid.uuid4().hex[:8]}.tmp")
    temporary.write_text(commit)
    os.replace(temporary, ref)


def cache_folder() -> Path:
    """Where huggingface_hub keeps what it fetches."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def free_space(folder: Path) -> int:
    """Bytes free where `folder` lies, or will."""
    return shutil.disk_usage(next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())).free


def trouble(error: BaseException, repo: HubRepo, *, path: str | None = None, instead: str = "") -> HubTrouble | None:
    """Why the hub did not give `path` of `repo`, from what its library raised; None: it is a defect, no answer."""
    from huggingface_hub import errors

    for cause in causes(error):
        if isinstance(cause, errors.OfflineModeIsEnabled):
            return HubTrouble(
                "offline", f"{repo} is not in the cache and HF_HUB_OFFLINE is set", f"unset it, {instead}"
            )
        if isinstance(cause, errors.HfHubHTTPError):
            return _answered(cause, repo, path, instead)
        if isinstance(cause, errors.HTTPError | ConnectionError):
            why = f"{type(cause).__name__}" + (f", at {_endpoint()}" if _endpoint() else "")
            return HubTrouble("unreachable", f"{repo}: the hub cannot be reached ({why})", f"connect, {instead}")
        if isinstance(cause, errors.FileMetadataError):
            what = f"{repo}: something else answers in the hub's place{', ' + _endpoint() if _endpoint() else ''}"
            return HubTrouble("unreachable", what, f"check HF_ENDPOINT and the proxy, {instead}")
        if isinstance(cause, errors.HFValidationError):
            return HubTrouble("repo", f"{repo.name!r} is no name of a repository", "write organisation/name")
        if is_full(cause):
            what = f"{cache_folder()} is full, {repo} does not fit"
            return HubTrouble("disk", what, "make room, or set HF_HOME to a folder on another disk")
        if is_denied(cause):
            return HubTrouble("disk", f"{cache_folder()} cannot be written", "set HF_HOME to a folder of yours")
    if isinstance(error, OSError | RuntimeError | _Broken):
        what = f"{repo}: {path or 'a file'} did not come whole"
        return HubTrouble("broken", what, f"run again, {instead}")
    return None


def _answered(error: Any, repo: HubRepo, path: str | None, instead: str) -> HubTrouble:
    """What an HTTP error of the hub means."""
    from huggingface_hub import errors

    status, said = error.response.status_code, (error.server_message or "").lower()
    if isinstance(error, errors.GatedRepoError):
        if "fine-grained" in said:
            remedy = "allow it `read access to public gated repositories` at https://huggingface.co/settings/tokens"
            return HubTrouble("access", f"{repo.name} is gated, and your token may not read gated repositories", remedy)
        if status == 401:
            return HubTrouble("token", f"{repo.name} is gated", f"request access at {repo.page}, then {LOGIN}")
        what = f"{repo.name} is gated, and your account has no access yet"
        return HubTrouble("access", what, f"request it at {repo.page} and wait for its owners' consent")
    if isinstance(error, errors.RepositoryNotFoundError):
        what = f"the hub has no {repo.kind} {repo.name} that you may see"
        return HubTrouble("repo", what, f"check the name; if it is private, {LOGIN}")
    if isinstance(error, errors.RevisionNotFoundError):
        return HubTrouble(
            "revision", f"{repo.name} has no revision {repo.revision}", f"look at {repo.page}/commits/main"
        )
    if isinstance(error, errors.EntryNotFoundError):
        return HubTrouble("file", f"{repo} has no file {path}", f"look at {repo.page}/tree/{repo.revision}")
    if isinstance(error, errors.DisabledRepoError):
        return HubTrouble("disabled", f"{repo.name} has been closed", f"see {repo.page}")
    if status == 401:
        return HubTrouble("bad_token", "the hub does not accept your token", f"{LOGIN}; HF_TOKEN goes before the login")
    if status == 403:
        return HubTrouble("access", f"{repo.name} is closed to your account", f"see {repo.page}")
    return HubTrouble("busy", f"{repo}: the hub answers {status}", f"try again later, {instead}")


def _passes(found: HubTrouble, error: Exception) -> bool:
    """Whether another try may help; where no file could even be found, the library has tried several times."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    return found.kind in ("busy", "unreachable", "broken") and not isinstance(error, LocalEntryNotFoundError)


def _endpoint() -> str:
    """The hub in use where it is another one than usual, without a userinfo."""
    from huggingface_hub import constants

    endpoint = re.sub(r"//[^/@]*@", "//", constants.ENDPOINT)
    return "" if endpoint == "https://huggingface.co" else f"HF_ENDPOINT={endpoint}"


def _require_room(needed: int, repo: HubRepo) -> None:
    free = free_space(cache_folder())
    if needed > free:
        raise UserError(
            f"{cache_folder()} has {free / 1e6:,.0f} MB free, {repo} needs {needed / 1e6:,.0f} MB: make room, or set "
            "HF_HOME to a folder on another disk"
        )


def _download(repo: HubRepo, file: HubFile, progress: Progress) -> Path:
    from huggingface_hub import hf_hub_download

    bar = _bar(progress)
    try:
        found = hf_hub_download(
            repo.name, file.path, repo_type=repo.kind, revision=repo.revision, tqdm_class=bar, library_name="clipit"
        )
        return _verified(Path(found), file)
    except BaseException:
        progress.advance(-bar.seen)
        raise


def _verified(found: Path, file: HubFile) -> Path:
    """A file that came, read again; one with other bytes than the hub says is removed."""
    if file.sha256 is None:
        return found
    with open(found, "rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if sha256 != file.sha256:
        found.resolve().unlink()
        found.unlink(missing_ok=True)
        raise _Broken(f"{file.path} has sha256 {sha256} instead of {file.sha256}")
    return found


def _bar(progress: Progress) -> Any:
    """A class in the form of tqdm's that counts into `progress`; `seen` is what its instances counted, bytes."""

    class Bar:
        seen = 0

        def __init__(self, *_: Any, total: int | None = None, **__: Any) -> None:
            self.total, self.n = total, 0

        def update(self, n: float | None = 1) -> None:
            self.n += int(n or 0)
            Bar.seen += int(n or 0)
            progress.advance(int(n or 0))

        def update_transfer(self, n: float | None = 1) -> None:
            """Bytes over the network, where these are not the file's own: not shown."""

        def set_postfix_str(self, *_: Any, **__: Any) -> None: ...

        def set_transfer_postfix_str(self, *_: Any, **__: Any) -> None: ...

        def close(self) -> None: ...

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None: ...

    return Bar


@contextlib.contextmanager
def _plain_lines(what: str) -> Iterator[None]:
    """What huggingface_hub logs, as lines of clipit's, without the queries of addresses: signatures travel there."""

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = re.sub(r"\?\S*?(?=[\s:,']|$)|(?<=//)[^/@\s]*@", "", record.getMessage())
            print(f"clipit: {what}: {' '.join(text.split())}", file=sys.stderr)

    logger = logging.getLogger("huggingface_hub")
    handlers, propagate = logger.handlers[:], logger.propagate
    logger.handlers, logger.propagate = [Lines()], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, propagate
