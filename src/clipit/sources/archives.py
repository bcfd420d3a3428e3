"""Unpacking archives that come from elsewhere: nothing outside the target, no links, no bombs, all or nothing."""

import errno
import gzip
import hashlib
import lzma
import os
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from clipit.artifacts.tables import read_json
from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress
from clipit.runtime.refused import is_full
from clipit.sources.checksums import digests_of
from clipit.sources.disk import flush, require_room

ARCHIVES = (".zip", ".gz")
"""Suffixes of what `unpack` unpacks."""

_MARKER = ".fetched.json"
_AGAIN = f"delete it and the {_MARKER} beside it, and run again"
_MB = 1_000_000
# Real data sets shrink to a tenth at best; only small files of few values (labels) shrink more.
_MAX_RATIO = 100
_ALWAYS_ALLOWED = 1_000_000_000
_LONGEST_NAME = 255  # bytes, on the usual file systems
_ENCRYPTED = 0x2041  # flag bits: encrypted, strongly, the list of names too
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
# What the standard library raises over bytes that are no archive, besides an OSError.
_DAMAGE = (
    zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, ValueError, OverflowError,
)  # fmt: skip


def unpack_fetched(file: str | Path, marker: str | Path, *, unpacked_md5: str | None = None) -> None:
    """Unpacks `file` beside itself if it is an archive, once it is seen to be what was fetched.

    `marker` says what was: its `sha256`. `unpacked_md5` is the MD5 of the one file within a .gz.

    Raises:
        UserError: as `unpack`; or the file is gone, or another one is in its place.
    """
    file, wanted = Path(file), read_json(marker)["sha256"]
    if not file.is_file():
        raise UserError(f"{file} is gone, though {marker} says that it was fetched: delete {marker} and run again")
    if (found := digests_of(file).sha256) != wanted:
        raise UserError(f"{file} has changed since it was fetched (sha256 {found} instead of {wanted}): {_AGAIN}")
    if file.suffix in ARCHIVES:
        unpack(file, file.parent, md5_of={file.stem: unpacked_md5} if unpacked_md5 else None)


def unpack(archive: str | Path, into: str | Path, *, md5_of: Mapping[str, str] | None = None) -> None:
    """Unpacks a .zip, or a single .gz, into the folder `into`.

    Everything is written to a temporary folder first and flushed to the disk; then the archive's top-level entries
    are renamed into place one by one, in place of entries of the same name, beside those of other archives. What a
    killed run left is removed. Archives within the archive stay as they are.

    `md5_of` holds hexadecimal checksums of unpacked files: path within the archive -> MD5.

    Raises:
        UserError: the archive is damaged, encrypted or of another kind; holds a link, a path outside `into`, one path
            twice (in any spelling that some file system takes for the same) or not what `md5_of` says; is absurdly
            larger unpacked than packed; or the disk is full. Nothing is left of it then.
    """
    archive, into = Path(archive), Path(into)
    if not archive.is_file():
        raise UserError(f"{archive} does not exist: delete the {_MARKER} beside it, if any, and run again")
    temporary = into / f".{archive.name}.unpacking"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        _unpacked(archive, temporary, md5_of or {})
        flush(temporary)
        entries = sorted(temporary.iterdir())
        for entry in entries:
            _check_replaceable(entry, into / entry.name, archive)
        for entry in entries:
            _replace(entry, into / entry.name)
    except _DAMAGE as error:
        raise _damaged(archive, str(error) or "it ends early") from error
    except NotImplementedError as error:
        raise UserError(f"{archive} is packed in an unknown way ({error}): unpack it by hand into {into}") from error
    except OSError as error:
        if is_full(error):
            raise UserError(f"{into} is full, nothing of {archive.name} is left there: make room") from error
        if error.errno in (None, errno.EINVAL):  # bz2's own error; a place before the beginning of the archive
            raise _damaged(archive, str(error)) from error
        raise UserError(f"{archive} cannot be unpacked into {into} ({error.strerror}): check the folder") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _damaged(archive: Path, how: str) -> UserError:
    return UserError(f"{archive} is damaged ({how}): {_AGAIN}")


def _unpacked(archive: Path, folder: Path, md5_of: Mapping[str, str]) -> None:
    suffix = archive.suffix.lower()
    if suffix not in ARCHIVES:
        raise UserError(f"{archive} is neither .zip nor .gz: unpack it by hand into {folder.parent}")
    found = _unpack_zip(archive, folder, md5_of) if suffix == ".zip" else _unpack_gzip(archive, folder, md5_of)
    for name, expected in md5_of.items():
        if name not in found:
            raise UserError(f"{archive} holds no {name}: the catalog entry belongs to another archive")
        if found[name] != expected.lower():
            raise UserError(
                f"{archive} holds a {name} with md5 {found[name]} instead of {expected.lower()}: it is damaged or "
                f"another version, {_AGAIN}"
            )


def _check_replaceable(entry: Path, target: Path, archive: Path) -> None:
    if target == archive:
        raise UserError(f"{archive} holds an entry of its own name: unpack it by hand elsewhere")
    if not os.path.lexists(target):
        return
    if target.is_symlink() or target.is_dir() != entry.is_dir():
        kind = "a link" if target.is_symlink() else "a folder" if target.is_dir() else "a file"
        raise UserError(f"{target} is {kind}, where {archive.name} holds something else: move it away")


def _replace(entry: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    entry.replace(target)


def _unpack_zip(archive: Path, folder: Path, md5_of: Mapping[str, str]) -> dict[str, str]:
    """Unpacks into `folder`; the MD5 of the files that `md5_of` names."""
    found = {}
    with zipfile.ZipFile(archive) as packed:
        members = packed.infolist()
        for member in members:
            _check_member(member, archive)
        _check_paths(members, archive)
        total = sum(member.file_size for member in members)
        _check_size(total, archive)
        require_room(folder.parent, total, f"unpacking {archive.name}")
        with Progress(f"unpack {archive.name}", total, "bytes") as progress:
            for member in members:
                target = folder / member.filename
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                name = str(PurePosixPath(member.filename))
                with packed.open(member) as source:
                    # zipfile gives no more than the declared size, however much the stream would hold.
                    digest = _write(_blocks(source, _block_size(member)), target, name in md5_of, progress.advance)
                if target.stat().st_size != member.file_size:
                    raise zipfile.BadZipFile(f"{name} is shorter than declared")
                if digest:
                    found[name] = digest
    return found


def _block_size(member: zipfile.ZipInfo) -> int:
    # zipfile unpacks a whole block of the packed file in memory for these, a thousandfold larger at worst.
    return 4096 if member.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA) else _MB


def _check_member(member: zipfile.ZipInfo, archive: Path) -> None:
    name = member.orig_filename
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise UserError(f"{archive} holds {name!r}, a path outside its target: do not trust this archive")
    if not path.parts and not member.is_dir():
        raise UserError(f"{archive} holds a file without a name: do not trust this archive")
    if any(ord(character) < 32 for character in name):
        raise UserError(f"{archive} holds {name!r}, a name with control characters: do not trust this archive")
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in path.parts):
        raise UserError(f"{archive} holds a name of over {_LONGEST_NAME} bytes, {name[:40]!r}…: unpack it by hand")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UserError(f"{archive} holds {name!r}, a link or a device: do not trust this archive")
    if member.flag_bits & _ENCRYPTED:
        raise UserError(f"{archive} is encrypted: unpack it by hand")
    if member.compress_type not in _METHODS:
        raise UserError(f"{archive} is packed in an unknown way (method {member.compress_type}): unpack it by hand")


def _check_paths(members: list[zipfile.ZipInfo], archive: Path) -> None:
    """No file twice, none where a folder is, no two spellings that some file systems take for one."""
    spelled: dict[str, str] = {}
    files: set[str] = set()
    folders: set[str] = set()
    for member in members:
        path = PurePosixPath(member.filename)
        lineage = [str(step) for step in (path, *path.parents) if step.parts]
        for step in lineage:
            known = spelled.setdefault(unicodedata.normalize("NFC", step).casefold(), step)
            if known != step:
                raise UserError(f"{archive} holds {known!r} and {step!r}, one name to some systems: unpack it by hand")
        if member.is_dir():
            folders.update(lineage)
            continue
        if lineage[0] in files:
            raise UserError(f"{archive} holds {lineage[0]!r} twice: do not trust this archive")
        files.add(lineage[0])
        folders.update(lineage[1:])
    if both := files & folders:
        raise UserError(f"{archive} holds {min(both)!r} as a file and as a folder: do not trust this archive")


def _check_size(total: int, archive: Path) -> None:
    if total > max(_ALWAYS_ALLOWED, _MAX_RATIO * archive.stat().st_size):
        raise UserError(
            f"{archive} would unpack to {total / _MB:,.0f} MB or more, absurdly more than its own size: not unpacked"
        )


def _unpack_gzip(archive: Path, folder: Path, md5_of: Mapping[str, str]) -> dict[str, str]:
    """Unpacks the one file into `folder`; its MD5 if `md5_of` names it."""
    if archive.stat().st_size == 0:  # nothing to the library, which takes it for no members
        raise EOFError
    with (
        open(archive, "rb") as raw,
        gzip.open(raw) as source,
        Progress(f"unpack {archive.name}", archive.stat().st_size, "bytes") as progress,
    ):
        done = 0

        # A .gz does not say reliably how much it holds.
        def count(n: int) -> None:
            nonlocal done
            done += n
            _check_size(done, archive)
            progress.advance(raw.tell() - progress.done)

        digest = _write(_blocks(source, _MB), folder / archive.stem, archive.stem in md5_of, count)
    return {archive.stem: digest} if digest else {}


def _blocks(source: IO[bytes] | gzip.GzipFile, size: int) -> Iterator[bytes]:
    while block := source.read(size):
        yield block


def _write(blocks: Iterator[bytes], target: Path, hashed: bool, written: Callable[[int], object]) -> str | None:
    """Writes a new file; its MD5 where `hashed`. `written` hears of every block."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(target, "xb") as out:
        for block in blocks:
            written(len(block))
            out.write(block)
            if hashed:
                digest.update(block)
    return digest.hexdigest() if hashed else None
