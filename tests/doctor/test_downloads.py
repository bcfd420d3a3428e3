"""Every answer that a server, the hub or the disk can give about a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import hf_hub_download
from tests.servers.http import Fault, FileServer
from tests.servers.hub import use_hub

from clipit.doctor.finding import Finding

CONTENT = bytes(300_000)
PLACE = Path("results/data/images")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"/images.zip": CONTENT}) as server:
        yield server


@pytest.fixture
def download(doctor):
    """The finding about the one download of a folder of images."""

    def run(**keys: Any) -> Finding:
        entries = {"downloads": {"images": keys}, "datasets": {"mine": {"source": "folder", "download": "images"}}}
        found = doctor(dataset="mine", entries=entries)["downloads.images"]
        assert found.detail.endswith("(for datasets.mine)")
        return found

    return run


@pytest.fixture
def http(download, server):
    return lambda **keys: download(**{"kind": "http", "url": server.url("/images.zip"), **keys})


def test_a_file_to_come_is_reachable_and_has_a_size(http, server):
    found = http()
    assert (found.status, found.fetch) == ("PASS", 300_000)
    assert found.room == {str(PLACE): 750_000}, "an archive, and what is unpacked from it"
    assert [request.method for request in server.requests] == ["HEAD"]


def test_a_file_that_is_here_is_not_asked_for(http, server):
    PLACE.mkdir(parents=True)
    (PLACE / "images.zip").write_bytes(CONTENT)
    found = http(size=300_000)
    assert (found.status, found.fetch) == ("PASS", 0)
    assert "at results/data/images/images.zip, 0.3 MB" in found.detail
    assert not server.requests
    (PLACE / "images.zip").write_bytes(CONTENT[1:])
    found = http(size=300_000)
    assert found.status == "FAIL"
    assert "has 299,999 bytes instead of 300,000" in found.detail


def test_what_is_unpacked_is_here(http, server):
    PLACE.mkdir(parents=True)
    (PLACE / "_COMPLETE.json").write_text("{}")
    assert "unpacked in results/data/images" in http().detail


def test_a_download_that_has_begun_needs_the_rest(http):
    PLACE.mkdir(parents=True)
    (PLACE / "images.zip.part").write_bytes(CONTENT[:100_000])
    found = http()
    assert found.fetch == 200_000
    assert "0.1 MB are here" in found.detail


def test_a_server_that_does_not_resume_is_a_warning(http, server):
    server.faults["/images.zip"] = [Fault(status=405), Fault(ranges=False)]
    found = http()
    assert (found.status, found.fetch) == ("WARN", 300_000)
    assert "a cut line starts it anew" in found.detail
    assert [request.method for request in server.requests] == ["HEAD", "GET"]


def test_a_server_without_head_answers_for_one_byte(http, server):
    server.faults["/images.zip"] = [Fault(status=405)]
    found = http()
    assert (found.status, found.fetch) == ("PASS", 300_000)
    assert server.requests[1].headers["Range"] == "bytes=0-0"


def test_a_server_that_tells_no_size_is_a_warning(http, server):
    server.faults["/images.zip"] = [Fault(no_length=True), Fault(ranges=False, no_length=True)]
    assert "does not say how large" in http().detail


@pytest.mark.parametrize(("status", "kind"), [(404, "FAIL"), (403, "FAIL"), (503, "WARN"), (429, "WARN")])
def test_a_server_that_says_no_is_told(http, server, status, kind):
    server.faults["/images.zip"] = [Fault(status=status)] * 2
    found = http()
    assert found.status == kind
    assert f"answers {status}" in found.detail
    assert found.remedy.endswith("put the file at results/data/images/images.zip")


def test_a_file_that_changed_at_its_source_is_told(http):
    found = http(size=5)
    assert found.status == "FAIL"
    assert "has 300,000 bytes instead of 5: it changed at its source" in found.detail


def test_without_a_network_it_says_where_to_put_the_file(download):
    found = download(kind="http", url="http://127.0.0.1:9/images.zip?id=secret")
    assert found.status == "FAIL"
    assert "127.0.0.1:9/images.zip cannot be reached (ConnectionError)" in found.detail
    assert "secret" not in repr(found)
    assert found.remedy == "connect, or fetch it elsewhere and put the file at results/data/images/images.zip"


@pytest.fixture
def publish(hub, tmp_path):
    """Publishes the file in a data set of the hub and gives what a catalog entry says of it."""

    def run(gated: bool = False) -> dict[str, Any]:
        (tmp_path / "published" / "a").mkdir(parents=True, exist_ok=True)
        (tmp_path / "published" / "a" / "images.zip").write_bytes(CONTENT)
        commit = hub.add_dataset("org/data", tmp_path / "published", gated)
        return {"kind": "hub", "repo": "org/data", "revision": commit, "path": "a/images.zip", "size": 300_000}

    return run


def test_a_file_of_the_hub_to_come_takes_room_twice(download, publish, tmp_path):
    found = download(**publish())
    assert (found.status, found.fetch) == ("PASS", 300_000)
    assert found.room == {str(tmp_path / "huggingface" / "hub"): 300_000, str(PLACE): 300_000}


def test_a_gated_data_set_needs_a_token_then_access(download, publish, hub, tmp_path, monkeypatch):
    entry = publish(gated=True)
    assert "request access at https://huggingface.co/datasets/org/data" in download(**entry).remedy
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.stranger)
    assert "your account has no access yet" in download(**entry).detail
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.member)
    assert download(**entry).status == "PASS"


def test_a_file_of_the_hub_may_be_in_its_cache_or_put_there_by_hand(download, publish, tmp_path, monkeypatch):
    entry = publish()
    hf_hub_download("org/data", "a/images.zip", repo_type="dataset", revision=entry["revision"])
    use_hub(monkeypatch, tmp_path, "http://127.0.0.1:9")
    assert "in the hub's cache" in download(**entry).detail
    use_hub(monkeypatch, tmp_path / "other", "http://127.0.0.1:9")
    assert download(**entry).remedy == "connect, or put the file at results/data/images/images.zip"
    PLACE.mkdir(parents=True)
    (PLACE / "images.zip").write_bytes(CONTENT)
    assert "at results/data/images/images.zip" in download(**entry).detail


def test_a_file_that_the_data_set_lacks_is_told(download, publish):
    found = download(**publish() | {"path": "b/none.zip"})
    assert found.status == "FAIL"
    assert "https://huggingface.co/datasets/org/data does not hold b/none.zip" in found.detail
