"""The digest of own files: of their contents, wherever and whenever they were put there."""

import hashlib
import os
import shutil
from pathlib import Path

from clipit.sources.own_files import content_digest


def test_a_file_s_digest_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "reports.csv").write_text("text\nx\n")
    assert content_digest(tmp_path / "reports.csv") == hashlib.sha256(b"text\nx\n").hexdigest()


def test_a_folder_s_digest_is_of_names_and_contents_alone(tmp_path: Path) -> None:
    folder = tmp_path / "regions"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.geojson").write_text("{}")
    (folder / "b.geojson").write_text("[]")
    first = content_digest(folder)
    moved = shutil.copytree(folder, tmp_path / "moved")
    os.utime(moved / "b.geojson", (0, 0))
    (moved / ".DS_Store").write_text("x")
    assert content_digest(moved) == first
    (moved / "b.geojson").write_text("{}")
    edited = content_digest(moved)
    (moved / "b.geojson").rename(moved / "c.geojson")
    assert len({first, edited, content_digest(moved)}) == 3
