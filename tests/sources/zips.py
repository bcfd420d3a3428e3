"""What tests of archives do to them."""

import struct

import pytest

from clipit.runtime.errors import UserError
from clipit.sources.archives import unpack

BYTES = bytes(range(256)) * 100


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def edit(archive, old, new):
    """Replaces bytes of the archive, everywhere."""
    content = archive.read_bytes()
    assert old in content and len(old) == len(new)
    archive.write_bytes(content.replace(old, new))
    return archive


def set_in_headers(archive, local, central, value):
    """Writes a 16-bit field at these offsets of the first local and central header."""
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        struct.pack_into("<H", content, content.index(signature) + offset, value)
    archive.write_bytes(content)
    return archive


def refused(archive, into, message):
    """Refused in one line that says so, and nothing is left."""
    before = files(into) if into.exists() else []
    with pytest.raises(UserError, match=message) as caught:
        unpack(archive, into)
    assert "\n" not in str(caught.value)
    assert files(into) == before
