"""Fetching from the stand-in for the hub, which goes wrong when it is told to."""

import errno
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import constants
from tests.servers.hub import StandInHub, use_hub
from tests.servers.hub_files import HubFault

from clipit.runtime import hub as module
from clipit.runtime.errors import UserError
from clipit.runtime.hub import HubRepo, cached_file, fetch_files, list_files
from clipit.runtime.progress import Progress

CONTENT = os.urandom(300_000)
MODEL = HubRepo("org/model")


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[StandInHub]:
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "model.bin").write_bytes(CONTENT)
    (folder / "config.json").write_text("{}")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 50_000)
    with StandInHub() as server:
        server.add_model("org/model", folder)
        use_hub(monkeypatch, tmp_path, server.url)
        yield server


def fetch(repo: HubRepo = MODEL, name: str = "model.bin") -> Path:
    at, listing = list_files(repo, instead="or INSTEAD")
    return fetch_files(at, [file for file in listing.files if file.path == name], instead="or INSTEAD")[0]


def refusal(repo: HubRepo = MODEL) -> str:
    """The one line that a failure ends in."""
    with pytest.raises(UserError) as caught:
        fetch(repo)
    line = str(caught.value)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "\n" not in line
    assert not any(token in shown for token in (StandInHub.member, StandInHub.stranger, "hf_wrong", "Signature"))
    return line


def test_a_file_comes_once_and_lies_in_the_hubs_own_cache(hub, tmp_path, capfd):
    found = fetch()
    assert found.read_bytes() == CONTENT
    assert tmp_path / "huggingface" / "hub" in found.parents
    assert cached_file(MODEL, "model.bin") == found
    assert "download org/model [####################] 0.3/0.3 MB" in capfd.readouterr().err
    fetch()
    assert len(hub.asked("model.bin")) == 1


def test_a_listing_tells_commit_sizes_and_digests(hub):
    at, listing = list_files(MODEL, instead="")
    assert at.revision == listing.commit
    assert {file.path: file.size for file in listing.files} == {"config.json": 2, "model.bin": 300_000}
    assert [file.sha256 is None for file in listing.files] == [True, False]
    assert not listing.gated


def test_a_cut_line_is_resumed_where_it_was_cut(hub, capfd):
    hub.faults["model.bin"] = [HubFault(cut=120_000)]
    assert fetch().read_bytes() == CONTENT
    assert [request.headers.get("range") for request in hub.asked("model.bin")] == [None, "bytes=100000-"]
    shown = capfd.readouterr().err
    assert "Trying to resume download" in shown
    assert "Signature" not in shown
    assert "[####################] 0.3/0.3 MB" in shown, "bytes are counted once"


def test_a_reset_line_is_tried_again(hub, capfd):
    hub.faults["model.bin"] = [HubFault(cut=120_000, reset=True)]
    assert fetch().read_bytes() == CONTENT
    assert "[####################] 0.3/0.3 MB" in capfd.readouterr().err


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("where", ["revision/main", "/model.bin"])
def test_a_busy_hub_is_asked_again(hub, status, where):
    hub.faults[where] = [HubFault(status=status), HubFault(status=status)]
    assert fetch().read_bytes() == CONTENT


def test_a_hub_that_stays_busy_is_told(hub):
    hub.faults["revision/main"] = [HubFault(status=503)] * 20
    assert refusal() == "org/model: the hub answers 503: try again later, or INSTEAD"


def test_a_gated_repository_asks_for_a_token_then_for_access(hub, tmp_path, monkeypatch):
    hub.add_model("org/model", tmp_path / "published", gated=True)
    assert refusal() == (
        "org/model is gated: request access at https://huggingface.co/org/model, then run `hf auth login`, or set "
        "HF_TOKEN to a token of https://huggingface.co/settings/tokens"
    )
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.stranger)
    assert refusal() == (
        "org/model is gated, and your account has no access yet: request it at https://huggingface.co/org/model and "
        "wait for its owners' consent"
    )
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.member)
    assert fetch().read_bytes() == CONTENT


def test_the_login_of_the_hub_is_used(hub, tmp_path):
    hub.add_model("org/model", tmp_path / "published", gated=True)
    (tmp_path / "huggingface").mkdir(exist_ok=True)
    (tmp_path / "huggingface" / "token").write_text(hub.member)
    assert fetch().read_bytes() == CONTENT
    assert {request.token for request in hub.requests if request.host == "cdn"} == {None}


def test_a_wrong_token_is_told(hub, tmp_path, monkeypatch):
    use_hub(monkeypatch, tmp_path, hub.url, token="hf_wrong")
    assert refusal().startswith("the hub does not accept your token: run `hf auth login`")


@pytest.mark.parametrize(
    ("repo", "said"),
    [
        (HubRepo("org/none"), "the hub has no model org/none that you may see: check the name"),
        (HubRepo("org/none", "dataset"), "the hub has no dataset org/none that you may see: check the name"),
        (HubRepo("org/model", revision="v9"), "org/model has no revision v9: look at"),
        (HubRepo("org/model/more"), "'org/model/more' is no name of a repository: write organisation/name"),
    ],
)
@pytest.mark.parametrize("token", [None, StandInHub.stranger])
def test_what_is_not_there_is_told(hub, tmp_path, monkeypatch, repo, said, token):
    use_hub(monkeypatch, tmp_path, hub.url, token=token)
    assert refusal(repo).startswith(said)


def test_a_file_that_is_not_there_is_told(hub):
    at, _ = list_files(MODEL, instead="")
    missing = [module.HubFile("none.bin", 1, None)]
    with pytest.raises(UserError, match=f"org/model@{at.revision[:12]} has no file none.bin: look at"):
        fetch_files(at, missing, instead="")


def test_no_network_is_told_with_another_way(hub, tmp_path, monkeypatch):
    use_hub(monkeypatch, tmp_path, "http://127.0.0.1:9")
    assert refusal() == (
        "org/model: the hub cannot be reached (ConnectError, at HF_ENDPOINT=http://127.0.0.1:9): connect, or INSTEAD"
    )


def test_offline_mode_is_told(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refusal() == "org/model is not in the cache and HF_HUB_OFFLINE is set: unset it, or INSTEAD"


def test_a_page_in_the_hubs_place_is_told(hub, monkeypatch):
    at, listing = list_files(MODEL, instead="")
    monkeypatch.setattr(constants, "HUGGINGFACE_HEADER_X_REPO_COMMIT", "X-Nothing")
    with pytest.raises(UserError, match=r"something else answers in the hub's place.*check HF_ENDPOINT and the proxy"):
        fetch_files(at, listing.files, instead="or INSTEAD")


def test_a_full_disk_is_told(hub, monkeypatch):
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
    assert "hub is full, org/model@" in refusal()
    monkeypatch.setattr(module, "free_space", lambda folder: 200_000)
    assert "MB free, org/model@" in refusal()
    assert "or set HF_HOME to a folder on another disk" in refusal()


def test_a_cache_that_cannot_be_written_is_told(hub, monkeypatch):
    def denied(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", denied)
    assert refusal().endswith("hub cannot be written: set HF_HOME to a folder of yours")


def test_other_bytes_than_the_hub_says_are_not_kept(hub, monkeypatch, capfd):
    right, served = hub.content, [b"x" * len(CONTENT)]
    monkeypatch.setattr(hub, "content", lambda sha256: served.pop() if served else right(sha256))
    found = fetch()
    assert found.read_bytes() == CONTENT
    assert "model.bin did not come whole: trying again" in capfd.readouterr().err
    found.resolve().unlink()
    monkeypatch.setattr(hub, "content", lambda sha256: b"y" * len(CONTENT))
    assert "model.bin did not come whole: run again, or INSTEAD" in refusal()
    assert cached_file(MODEL, "model.bin") is None


def test_the_bar_serves_the_hub_s_other_protocol_too(capfd):
    from huggingface_hub.utils._xet_progress_reporting import XetDownloadProgressReporter

    with Progress("download", 100, "bytes") as progress:
        bar = module._bar(progress)
        with XetDownloadProgressReporter(reconstruction_desc="", total=100, log_level=30, tqdm_class=bar) as reporter:
            for done in (40, 100):
                rates = {"total_bytes_completion_rate": 1.0, "total_transfer_bytes_completion_rate": 1.0}
                counts = {
                    "total_bytes": 100,
                    "total_bytes_completed": done,
                    "total_transfer_bytes_completed": done // 2,
                }
                reporter.update_progress(SimpleNamespace(**counts, **rates))
    assert (progress.done, bar.seen) == (100, 100)


def test_a_branch_is_remembered_for_later_looks_without_the_network(hub, tmp_path, monkeypatch):
    found = fetch(HubRepo("org/model", revision="main"))
    use_hub(monkeypatch, tmp_path, "http://127.0.0.1:9")
    assert cached_file(HubRepo("org/model"), "model.bin") == found
    assert cached_file(HubRepo("org/model", revision="v1"), "model.bin") is None


def test_no_token_is_in_the_output_or_the_arguments_of_a_process(hub, tmp_path):
    hub.faults["model.bin"] = [HubFault(cut=100), HubFault(status=429, retry_after=0), HubFault(cut=100, reset=True)]
    hub.add_model("org/closed", tmp_path / "published", gated=True)
    code = (
        "import os, subprocess; from clipit.runtime.hub import *; from clipit.runtime.errors import UserError\n"
        "for name in ('org/model', 'org/closed'):\n"
        "    try:\n"
        "        at, listing = list_files(HubRepo(name), instead='')\n"
        "        print(fetch_files(at, listing.files, instead=''))\n"
        "    except UserError as error:\n"
        "        print(repr(error), error)\n"
        "seen = ['ps', '-ww', '-o', 'args', '-s', str(os.getsid(0))]\n"
        "print(subprocess.run(seen, capture_output=True, text=True).stdout)"
    )
    environment = {**os.environ, **hub.environment(tmp_path / "other", token=hub.stranger)}
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,  # what else runs on the machine is not ours
    )
    assert "org/closed is gated" in said.stdout
    assert "ps -ww -o args" in said.stdout
    assert "[####################]" in said.stderr
    assert {request.token for request in hub.requests if request.host == "hub"} == {hub.stranger}
    assert hub.stranger not in said.stdout + said.stderr
    assert "Signature" not in said.stdout + said.stderr
