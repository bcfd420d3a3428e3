"""Disks that are full or read-only: one line says so, what was there stays, nothing half-written is left."""

from pathlib import Path

import pytest
from tests.faults.small_disk import can_mount, on_small_disk

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif(not can_mount(), reason="needs unshare and mount"),
]

WRITERS = {
    "table": """
import pyarrow as pa
from clipit.artifacts.tables import write_table
schema = pa.schema([("value", pa.float64())])
def write(path):
    write_table(path, {"value": random_numbers(200_000)}, schema, {})
""",
    "table by rows": """
import pyarrow as pa
from clipit.artifacts.table_writer import TableWriter
schema = pa.schema([("value", pa.float64())])
def write(path):
    with TableWriter(path, schema, {}) as table:
        for _ in range(20):
            table.append({"value": random_numbers(10_000)})
""",
    "weights": """
import torch
from clipit.models.tensor_file import write_tensors
def write(path):
    write_tensors(path, {"weight": torch.rand(400_000)}, {})
""",
    "state of a training": """
import torch
from clipit.training.checkpoints import WholeFiles
def write(path):
    WholeFiles().save_checkpoint({"global_step": 3, "weight": torch.rand(400_000)}, path)
""",
    "page": """
from clipit.artifacts.atomic import write_text
def write(path):
    write_text(path, "<html>" + "x" * 1_500_000)
""",
}

REFUSED = """
import os, pathlib, subprocess, sys
import numpy as np
from clipit.runtime.errors import UserError

def random_numbers(n):
    return np.random.default_rng(0).random(n)

WRITER
folder = pathlib.Path(sys.argv[1])
path = folder / "results" / "file.out"
path.parent.mkdir()
path.write_text("of an earlier run")
if sys.argv[2] == "read-only":
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
try:
    write(path)
except UserError as error:
    print(error)
print(sorted(found.name for found in path.parent.iterdir()), path.read_text())
subprocess.run(["mount", "-o", "remount,rw,size=16m", folder], check=True)
write(path)
print(sorted(found.name for found in path.parent.iterdir()), path.stat().st_size > 1_000_000)
"""


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("disk", ["full", "read-only"])
def test_a_writer_whose_disk_takes_no_more_says_so_and_leaves_what_was_there(
    tmp_path: Path, writer: str, disk: str
) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    done = on_small_disk(folder, "1m", REFUSED.replace("WRITER", WRITERS[writer]), disk)
    assert done.returncode == 0, done.stderr
    message, refused, mended = done.stdout.splitlines()
    path = folder / "results" / "file.out"
    allow = "allow it, or name another folder (results: in the configuration), and run again"
    told = {
        "full": f"no room on the disk of {path} (No space left on device): make room and run again",
        "read-only": f"{path} cannot be written (Read-only file system): {allow}",
    }
    assert message == told[disk]
    assert refused == "['file.out'] of an earlier run"
    assert mended == "['file.out'] True"


STORE = """
import pathlib, sys
from clipit.artifacts.patch_writer import PatchWriter
from clipit.runtime.errors import UserError
from clipit.runtime.refused import told_when_refused
folder = pathlib.Path(sys.argv[1])
with open(folder / "filler", "wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        pass
try:
    with told_when_refused(folder / "patches.zarr"):
        PatchWriter.create(folder / "patches.zarr", 10, 8)
except UserError as error:
    print(error)
(folder / "filler").unlink()
print(len(PatchWriter.create(folder / "patches.zarr", 10, 8)))
"""


def test_a_store_that_finds_no_room_for_its_own_description_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    done = on_small_disk(folder, "1m", STORE)
    assert done.returncode == 0, done.stderr
    message, rows = done.stdout.splitlines()
    assert message.startswith("no room on the disk of ") and "(No space left on device)" in message
    assert rows == "10"


JOB = """
import pathlib, sys
from clipit.runtime.job import job
folder = pathlib.Path(sys.argv[1])
with job(str(folder / "logs" / "report.log")):
    with open(folder / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
            if filler.tell() > 900_000:
                for i in range(1000):
                    print("a line of progress", file=sys.stderr)
"""


def test_a_job_whose_log_is_on_the_full_disk_too_still_says_so_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    done = on_small_disk(folder, "1m", JOB)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line != "a line of progress"]
    assert said == ["clipit: no room on a disk (No space left on device): make room and run again"]
