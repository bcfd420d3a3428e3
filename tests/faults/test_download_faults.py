"""Downloads and unpacking whose process is killed and whose disk fills up."""

import gzip
import hashlib
import random
import signal
import subprocess
import sys
import time
import zipfile

import pytest
from tests.faults.killed import digest, kill_everywhere
from tests.faults.small_disk import can_mount, on_small_disk
from tests.servers.http import Fault

pytestmark = pytest.mark.faults

CONTENT = random.Random(0).randbytes(6_000_000)
MD5 = hashlib.md5(CONTENT).hexdigest()
PATH = "/set.bin"
needs_mount = pytest.mark.skipif(not can_mount(), reason="needs unshare and mount")

DOWNLOAD = """
import sys
from clipit.runtime.errors import UserError
from clipit.sources.download import download_file
try:
    download_file(sys.argv[1], sys.argv[2], md5=sys.argv[3] or None)
except UserError as error:
    sys.exit(str(error))
"""


def download(url, out, md5=""):
    return subprocess.Popen([sys.executable, "-c", DOWNLOAD, url, str(out), md5], stderr=subprocess.PIPE, text=True)


def wait_for_more(part, size):
    """Until the part is longer than that; the system buffers what the server sends."""
    deadline = time.monotonic() + 30
    while not part.exists() or part.stat().st_size <= size:
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def url(file_server):
    file_server.files[PATH] = CONTENT
    return file_server.url(PATH)


@pytest.fixture
def images(tmp_path):
    """An archive of 150 files in three folders."""
    rng = random.Random(1)
    with zipfile.ZipFile(tmp_path / "images.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(150):
            archive.writestr(f"set{i % 3}/{i}.tif", rng.randbytes(rng.randrange(1, 5000)))
        archive.writestr("readme.txt", b"read me")
    return tmp_path / "images.zip"


# -------------------------------------------------------------------------------------------------------- killed


@pytest.mark.parametrize("md5", ["", MD5])
def test_a_download_killed_again_and_again_ends_as_if_nothing_had_happened(url, file_server, tmp_path, md5):
    out, rng = tmp_path / "data" / "set.bin", random.Random(2)
    part = out.with_name("set.bin.part")
    for _ in range(3):
        before = part.stat().st_size if part.exists() else 0
        file_server.faults[PATH] = [Fault(hold=rng.randrange(300_000, 1_800_000))]
        process = download(url, out, md5)
        wait_for_more(part, before)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL and not out.exists()
    process = download(url, out, md5)
    assert process.communicate(timeout=30) and process.returncode == 0
    assert out.read_bytes() == CONTENT
    assert sorted(path.name for path in out.parent.iterdir()) == ["set.bin", "set.bin.sha256"]
    starts = [int(request.headers.get("Range", "bytes=0-")[6:-1]) for request in file_server.requests]
    assert starts == sorted(set(starts)) and len(starts) == 4


@pytest.mark.parametrize("checked", [True, False])
def test_a_download_may_be_killed_at_every_byte(url, file_server, tmp_path, checked):
    folder, rng = tmp_path / "data", random.Random(3)
    folder.mkdir()
    # A file that the process writes besides is its note, of less than 300 bytes.
    sizes = [300, *(rng.randrange(300, len(CONTENT)) for _ in range(6)), len(CONTENT) - 1]
    options = {"md5": MD5} if checked else {}
    killed = kill_everywhere("download_file", [url, str(folder / "set.bin")], options, folder, sizes=sizes)
    assert killed == len(sizes)
    assert any("Range" in request.headers for request in file_server.requests)


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("there", ["nothing", "a part", "an earlier file"])
def test_a_download_may_be_killed_before_every_file_operation(file_server, tmp_path, checked, there):
    content = CONTENT[:50_000]
    file_server.files[PATH] = content
    folder = tmp_path / "data"
    folder.mkdir()
    options = {"md5": hashlib.md5(content).hexdigest()} if checked else {}
    if there == "a part":
        (folder / "set.bin.part").write_bytes(content[:20_000])
    if there == "an earlier file":
        old = b"another edition"
        if checked:
            (folder / "set.bin").write_bytes(old)
            (folder / "set.bin.sha256").write_text(f"{hashlib.sha256(old).hexdigest()}  set.bin\n")
        else:
            (folder / "set.bin").write_bytes(content)
    url = file_server.url(PATH)
    assert kill_everywhere("download_file", [url, str(folder / "set.bin")], options, folder) >= 5
    assert (folder / "set.bin").read_bytes() == content


def test_unpacking_may_be_killed_before_every_file_operation(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("set/a", "set/b", "other/c", "d"):
            archive.writestr(name, name)
    folder = tmp_path / "data"
    (folder / "set").mkdir(parents=True)
    (folder / "set" / "old").write_text("old")
    (folder / "kept").write_text("another archive's")
    assert kill_everywhere("unpack", [str(tmp_path / "a.zip"), str(folder)], {}, folder) > 15
    assert sorted(digest(folder)) == ["d", "kept", "other", "other/c", "set", "set/a", "set/b"]


def test_unpacking_many_files_may_be_killed_anywhere(images, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    operations = sorted(random.Random(4).sample(range(300), 8))
    assert kill_everywhere("unpack", [str(images), str(folder)], {}, folder, operations=operations) == 8
    assert len(digest(folder)) == 154


def test_unpacking_one_large_file_may_be_killed_anywhere(tmp_path):
    (tmp_path / "set.bin.gz").write_bytes(gzip.compress(CONTENT, 1))
    folder, rng = tmp_path / "data", random.Random(5)
    folder.mkdir()
    sizes = [0, *(rng.randrange(len(CONTENT)) for _ in range(5)), len(CONTENT) - 1]
    options = {"md5_of": {"set.bin": MD5}}
    killed = kill_everywhere("unpack", [str(tmp_path / "set.bin.gz"), str(folder)], options, folder, sizes=sizes)
    assert killed == len(sizes)
    assert digest(folder) == {"set.bin": hashlib.sha256(CONTENT).hexdigest()}


# --------------------------------------------------------------------------------------------------- full disks

LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, -1))\n"


def test_a_download_that_finds_no_more_room_says_so_and_goes_on_later(url, file_server, tmp_path):
    out = tmp_path / "set.bin"
    command = [sys.executable, "-c", LIMITED + DOWNLOAD, url, str(out), ""]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 1
    assert first.stderr == f"{tmp_path} is full: make room and run again, what came of set.bin is kept\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set.bin.part", "set.bin.part.json"]
    second = download(url, out)
    assert second.communicate(timeout=30) and second.returncode == 0
    assert out.read_bytes() == CONTENT
    assert file_server.requests[-1].headers["Range"] == "bytes=2000000-"


FILL = """
import pathlib, subprocess, sys
from clipit.runtime.errors import UserError
from clipit.sources.download import download_file
folder = pathlib.Path(sys.argv[1])
try:
    download_file(sys.argv[2], folder / "set.bin")
except UserError as error:
    print(error)
print(sorted(path.name for path in folder.iterdir()))
subprocess.run(["mount", "-o", "remount,size=8m", folder], check=True)
print(download_file(sys.argv[2], folder / "set.bin").md5)
"""


@needs_mount
def test_a_disk_that_fills_up_during_a_download_is_said_and_the_part_kept(url, file_server, tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    file_server.faults[PATH] = [Fault(no_length=True)]  # else the lack of room is noticed beforehand
    done = on_small_disk(folder, "2m", FILL, url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{folder} is full: make room and run again, what came of set.bin is kept",
        "['set.bin.part', 'set.bin.part.json']",
        MD5,
    ]
    assert int(file_server.requests[1].headers["Range"][6:-1]) > 1_000_000


UNPACK = """
import pathlib, sys
from clipit.runtime.errors import UserError
from clipit.sources.archives import unpack
folder = pathlib.Path(sys.argv[1])
(folder / "kept").write_text("k")
try:
    unpack(sys.argv[2], folder)
except UserError as error:
    print(error)
print(sorted(path.name for path in folder.rglob("*")))
"""


@needs_mount
@pytest.mark.parametrize("kind", ["one large file", "many small files"])
def test_a_disk_that_fills_up_during_unpacking_is_said_and_nothing_left(tmp_path, kind):
    folder = tmp_path / "disk"
    folder.mkdir()
    if kind == "one large file":  # how large, a .gz does not say
        archive = tmp_path / "set.gz"
        archive.write_bytes(gzip.compress(CONTENT, 1))
    else:  # of a few bytes, which take a block each
        archive = tmp_path / "set.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            for i in range(1000):
                packed.writestr(f"set/{i}", "small")
    done = on_small_disk(folder, "2m", UNPACK, str(archive))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{folder} is full, nothing of {archive.name} is left there: make room",
        "['kept']",
    ]


# --------------------------------------------------------------------------------------------------- wrong bytes


def test_bytes_that_stay_corrupt_end_in_one_line_and_the_next_run_mends_it(url, file_server, tmp_path):
    out = tmp_path / "set.bin"
    file_server.faults[PATH] = [Fault(corrupt=True)] * 2
    first = download(url, out, MD5)
    message = first.communicate(timeout=30)[1].splitlines()[-1]
    assert first.returncode == 1 and "the file changed at its source, check the catalog entry" in message
    assert list(tmp_path.iterdir()) == []
    second = download(url, out, MD5)
    assert second.communicate(timeout=30) and second.returncode == 0
    assert out.read_bytes() == CONTENT


def test_a_job_that_is_told_to_end_keeps_what_came(url, file_server, tmp_path):
    out = tmp_path / "set.bin"
    file_server.faults[PATH] = [Fault(hold=1_500_000)]
    code = "import signal; signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))\n"
    process = subprocess.Popen([sys.executable, "-c", "import sys\n" + code + DOWNLOAD, url, str(out), ""])
    part = out.with_name("set.bin.part")
    wait_for_more(part, 0)
    process.terminate()
    assert process.wait(30) == 143
    assert part.stat().st_size > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set.bin.part", "set.bin.part.json"]
