"""Files are as open as the user's umask says, whatever writes them."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.servers.http import FileServer
from tests.stores import write_store

from clipit.artifacts.atomic import write_text
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import splits
from clipit.artifacts.tables import write_json, write_table
from clipit.models.tensor_file import write_tensors
from clipit.sources.archives import unpack
from clipit.sources.download import download_file

PROVENANCE = Origin("test").provenance()


@pytest.fixture(params=[0o077, 0o027, 0o022], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_files_and_folders_have_the_permissions_of_the_umask(
    umask: int, tmp_path: Path, file_server: FileServer
) -> None:
    out = tmp_path / "results"
    write_text(out / "a/text.md", "text")
    write_json(out / "a/facts.json", {"a": 1}, PROVENANCE)
    write_table(out / "a/splits.parquet", {"patch_id": ["a"], "split": ["train"]}, splits.SCHEMA, PROVENANCE)
    write_tensors(out / "a/tensors.safetensors", {"a": torch.zeros(2)}, PROVENANCE)
    write_store(out / "a/patches.zarr", np.zeros((4, 8, 8, 3), np.uint8))
    file_server.files["/set.zip"] = b"content"
    download_file(file_server.url("/set.zip"), out / "b/set.bin")
    with zipfile.ZipFile(tmp_path / "open.zip", "w") as archive:
        member = zipfile.ZipInfo("set/open.sh")
        member.external_attr = 0o100777 << 16  # what the archive asks for does not count
        archive.writestr(member, b"#!/bin/sh")
    unpack(tmp_path / "open.zip", out / "c")
    written = sorted(out.rglob("*"))
    assert len(written) > 12
    for path in written:
        assert path.stat().st_mode & 0o7777 == (0o777 if path.is_dir() else 0o666) & ~umask, path
        assert not path.is_symlink()
