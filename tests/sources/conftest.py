"""A file to download, and archives to unpack."""

import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.sources.served import CONTENT, PATH

from clipit.sources import transfer


@pytest.fixture
def server(file_server, monkeypatch):
    """Serves CONTENT at `url`; `script` holds the faults of the coming answers, `pauses` the seconds waited."""
    pauses: list[float] = []
    monkeypatch.setattr(transfer.time, "sleep", pauses.append)
    file_server.files[PATH] = CONTENT
    script = file_server.faults[PATH] = []
    url = file_server.url(PATH)
    return SimpleNamespace(http=file_server, url=url, script=script, requests=file_server.requests, pauses=pauses)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "file.bin"


@pytest.fixture
def zipped(tmp_path):
    def make(members: dict[str, bytes], name: str = "images.zip", method: int = zipfile.ZIP_DEFLATED) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w", method) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        return tmp_path / name

    return make
