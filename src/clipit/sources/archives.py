"""Unpacking archives that come from elsewhere: nothing outside the target, no links, no bombs, all or nothing."""

import gzip
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from clipit.runtime.errors import UserError
from clipit.runtime.progress import Progress

_MB = 1_000_000
# Real data sets shrink to a tenth at best; only small files of few values (labels) shrink more.
_MAX_RATIO = 100
_ALWAYS_ALLOWED = 1_000_000_000


def unpack(archive: str | Path, into: str | Path) -> None:
    """Unpacks a .zip, or a single .gz, into the folder `into`.

    Everything is written to a temporary folder first; then the archive's top-level entries are renamed into place
    one by one, in place of entries of the same name, beside those of other archives.

    Raises:
        UserError: the archive is damaged, encrypted or of another kind, holds a link or a path outside `into`, or is
            absurdly larger unpacked than packed.
    """
    archive, into = Path(archive), Path(into)
    temporary = into / f".{archive.name}.unpacking"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        if archive.suffix == ".zip":
            _unpack_zip(archive, temporary)
        elif archive.suffix == ".gz":
            _unpack_gzip(archive, temporary)
        else:
            raise UserError(f"{archive} is neither .zip nor .gz: unpack it by hand into {into}")
        for entry in sorted(temporary.iterdir()):
            _replace(entry, into / entry.name)
    except FileNotFoundError as error:
        raise UserError(f"{archive} does not exist: download it first") from error
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UserError(f"{archive} is damaged ({error}): delete it and download it again") from error
    except NotImplementedError as error:
        raise UserError(f"{archive} is packed in an unknown way ({error}): unpack it by hand into {into}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace(entry: Path, target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    entry.replace(target)


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        members = packed.infolist()
        for member in members:
            _check_member(member, archive)
        total = sum(member.file_size for member in members)
        _check_room(total, archive, folder)
        with Progress(f"unpack {archive.name}", -(-total // _MB), "MB") as progress:
            done = 0
            for member in members:
                target = folder / member.filename
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(member) as source, open(target, "wb") as out:
                    for block in _blocks(source):
                        out.write(block)
                        done += len(block)
                        progress.advance(-(-done // _MB) - progress.done)


def _check_member(member: zipfile.ZipInfo, archive: Path) -> None:
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename:
        raise UserError(f"{archive} holds {member.filename!r}, a path outside its target: do not trust this archive")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UserError(f"{archive} holds {member.filename!r}, a link or a device: do not trust this archive")
    if member.flag_bits & 1:
        raise UserError(f"{archive} is encrypted: unpack it by hand")


def _check_room(total: int, archive: Path, folder: Path) -> None:
    if total > _limit(archive):
        raise UserError(
            f"{archive} would unpack to {total / _MB:,.0f} MB, absurdly more than its own size: not unpacked"
        )
    free = shutil.disk_usage(folder).free
    if total > free:
        raise UserError(
            f"{folder.parent} has {free / _MB:,.0f} MB free, {archive.name} needs {total / _MB:,.0f} MB: make room"
        )


def _limit(archive: Path) -> int:
    return max(_ALWAYS_ALLOWED, _MAX_RATIO * archive.stat().st_size)


def _unpack_gzip(archive: Path, folder: Path) -> None:
    limit = _limit(archive)
    packed_size = archive.stat().st_size
    done = 0
    with (
        open(archive, "rb") as raw,
        gzip.open(raw) as source,
        open(folder / archive.stem, "wb") as out,
        Progress(f"unpack {archive.name}", -(-packed_size // _MB), "MB") as progress,
    ):
        for block in _blocks(source):
            done += len(block)
            if done > limit:
                _check_room(done, archive, folder)
            out.write(block)
            progress.advance(-(-raw.tell() // _MB) - progress.done)


def _blocks(source: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while block := source.read(_MB):
        yield block
