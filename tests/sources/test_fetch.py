"""Both kinds of downloads, from the stand-ins for a file server and for the hub."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from tests.servers.http import FileServer
from tests.servers.hub import StandInHub, use_hub
from tests.servers.hub_files import HubFault

from clipit.runtime.errors import UserError
from clipit.runtime.hub import HubRepo, cached_file
from clipit.sources.fetch import fetch

NAME = "Reports (x)/Reports (x).parquet"
CONTENT = os.urandom(200_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[StandInHub]:
    (tmp_path / "published" / "Reports (x)").mkdir(parents=True)
    (tmp_path / "published" / NAME).write_bytes(CONTENT)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 50_000)
    with StandInHub() as server:
        use_hub(monkeypatch, tmp_path, server.url)
        yield server


@pytest.fixture
def entry(hub, tmp_path) -> dict[str, Any]:
    """As the catalog's entries are, when a rule hands them over."""
    commit = hub.add_dataset("org/reports", tmp_path / "published")
    hub.add_dataset("org/reports", tmp_path)  # main has moved on
    hub.requests.clear()
    return {"kind": "hub", "path": NAME, "repo": "org/reports", "revision": commit, "sha256": SHA256, "size": 200_000}


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "results" / "data" / "reports" / "Reports_(x).parquet"


def refusal(entry: dict[str, Any], out: Path) -> str:
    with pytest.raises(UserError) as caught:
        fetch(entry, out)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_of_the_hub_at_its_pinned_revision(entry, out, hub):
    assert fetch(entry, out) == SHA256
    assert out.read_bytes() == CONTENT
    assert (out.parent / f"{out.name}.sha256").read_text() == f"{SHA256}  {out.name}\n"
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name, f"{out.name}.sha256"]
    count = len(hub.requests)
    assert fetch(entry, out) == SHA256
    assert len(hub.requests) == count, "what is there is not asked for"


def test_writing_over_the_file_leaves_the_shared_cache_alone(entry, out):
    fetch(entry, out)
    out.write_bytes(b"mine")
    cached = cached_file(HubRepo("org/reports", "dataset", entry["revision"]), NAME)
    assert cached is not None
    assert cached.read_bytes() == CONTENT


def test_too_little_room_is_told(entry, out, monkeypatch):
    monkeypatch.setattr("clipit.sources.fetch.require_room", no_room)
    assert refusal(entry, out) == "no room"
    assert not out.exists()


def no_room(folder: Path, needed: int, what: str) -> None:
    raise UserError("no room" if needed == 200_000 else f"asked for {needed}")


def test_what_is_in_the_cache_needs_no_network(entry, out, hub, tmp_path, monkeypatch):
    fetch(entry, out)
    shutil.rmtree(out.parent)
    use_hub(monkeypatch, tmp_path, "http://127.0.0.1:9")
    assert fetch(entry, out) == SHA256


def test_a_file_put_there_by_hand_needs_no_network(entry, out, tmp_path, monkeypatch, capfd):
    use_hub(monkeypatch, tmp_path, "http://127.0.0.1:9")
    address = f"https://huggingface.co/datasets/org/reports/resolve/{entry['revision']}/Reports%20(x)/"
    assert refusal(entry, out).endswith(
        f"connect, or fetch {address}Reports%20(x).parquet elsewhere and put it at {out}"
    )
    out.write_bytes(CONTENT)
    assert fetch(entry, out) == SHA256


def test_a_wrong_file_put_there_by_hand_is_refused_and_kept(entry, out):
    out.parent.mkdir(parents=True)
    out.write_bytes(b"mine")
    assert "has 4 bytes instead of 200,000, and clipit did not put it there" in refusal(entry, out)
    assert out.read_bytes() == b"mine"


def test_what_an_earlier_form_of_the_entry_fetched_is_replaced(entry, out, hub, tmp_path):
    fetch(entry, out)
    (tmp_path / "published" / NAME).write_bytes(CONTENT[::-1])
    newer = hub.add_dataset("org/reports", tmp_path / "published")
    sha256 = hashlib.sha256(CONTENT[::-1]).hexdigest()
    assert fetch(entry | {"revision": newer, "sha256": sha256}, out) == sha256
    assert out.read_bytes() == CONTENT[::-1]


def test_without_a_published_checksum_the_first_file_is_recorded_and_held_to(entry, out):
    loose = entry | {"sha256": None, "size": None}
    assert fetch(loose, out) == SHA256
    out.write_bytes(b"another")
    assert "has sha256" in refusal(loose, out)


def test_a_wrong_checksum_in_the_catalog_is_told(entry, out):
    wrong = entry | {"sha256": "0" * 64}
    assert "check sha256 and size of the catalog entry" in refusal(wrong, out)
    assert not out.exists()


def test_a_wrong_checksum_leaves_the_shared_cache_alone(entry, out, tmp_path, monkeypatch):
    fetch(entry, out)
    shutil.rmtree(out.parent)
    wrong = entry | {"sha256": "0" * 64}
    assert "check sha256 and size of the catalog entry" in refusal(wrong, out)
    cached = cached_file(HubRepo("org/reports", "dataset", entry["revision"]), NAME)
    assert cached is not None
    use_hub(monkeypatch, tmp_path, "http://127.0.0.1:9")
    told = refusal(wrong, out)
    assert f"has sha256 {SHA256} instead of {'0' * 64}" in told
    assert "the hub cannot be reached" in told
    assert cached.read_bytes() == CONTENT


def test_a_damaged_cache_is_mended(entry, out):
    fetch(entry, out)
    cached = cached_file(HubRepo("org/reports", "dataset", entry["revision"]), NAME)
    assert cached is not None
    shutil.rmtree(out.parent)
    cached.resolve().write_bytes(b"x" * 200_000)
    assert fetch(entry, out) == SHA256


def test_a_cut_line_is_resumed(entry, out, hub):
    hub.faults[".parquet"] = [HubFault(cut=120_000), HubFault(status=429, retry_after=0)]
    assert fetch(entry, out) == SHA256
    assert [request.headers.get("range") for request in hub.asked(".parquet")] == [None, *["bytes=100000-"] * 2]


def test_a_gated_data_set_says_where_to_ask(entry, out, hub, tmp_path, monkeypatch):
    hub.add_dataset("org/reports", tmp_path / "published", gated=True)
    page = "https://huggingface.co/datasets/org/reports"
    assert refusal(entry, out).startswith(f"org/reports is gated: request access at {page}, then run `hf auth login`")
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.stranger)
    assert f"has no access yet: request it at {page} " in refusal(entry, out)
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.member)
    assert fetch(entry, out) == SHA256


def test_what_is_not_there_is_told(entry, out):
    assert "the hub has no dataset org/none" in refusal(entry | {"repo": "org/none"}, out)
    assert "org/reports has no revision 000" in refusal(entry | {"revision": "0" * 40}, out)
    assert "has no file 'none.parquet'" in refusal(entry | {"path": "none.parquet"}, out)


def test_a_file_of_a_server(tmp_path, out):
    with FileServer({"/set.csv": CONTENT}) as server:
        source = {"kind": "http", "url": server.url("/set.csv"), "md5": None, "sha256": SHA256, "size": 200_000}
        source["unpacked_md5"] = None
        assert fetch(source, out) == SHA256
        assert out.read_bytes() == CONTENT
        out.write_bytes(b"mine")
        assert "put" in refusal(source, out)
