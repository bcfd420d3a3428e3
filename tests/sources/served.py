"""A file that a server on this machine serves, and what is asked of its download."""

import hashlib

import pytest
from tests.servers.http import Fault

from clipit.runtime.errors import UserError
from clipit.sources.download import download_file

CONTENT = bytes(range(256)) * 9_000  # 2.3 MB
OTHER = CONTENT[::-1]
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PATH = "/file.bin"
RECORD = f"{SHA256}  file.bin\n"
CUT = 1_200_000


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def ranges(server):
    return [request.headers.get("Range") for request in server.requests]


def leave_part(server, out, faults, **checks):
    """A run that ends in the middle: its part stays."""
    server.script[:] = [*faults, Fault(status=503)]
    with pytest.raises(UserError, match=r"cannot be reached \(HTTP 503\): run again to go on from 1 MB"):
        download_file(server.url, out, tries=2, **checks)
    server.requests.clear()
